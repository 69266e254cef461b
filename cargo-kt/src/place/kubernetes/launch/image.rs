//! What an image's registry adds to the cluster's report that the image cannot be pulled.

use std::time::Duration;

use super::capacity;
use crate::{
    place::kubernetes::{
        Cluster,
        registry::{Answer, Image, ImageCheck, Platform, Reference, Tags, Version},
    },
    terminal::text,
};

/// How long a failed launch waits for the registry's answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Why an image cannot be pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageCause {
    NotFound,
    NotAllowed,
    NoPlatform,
    BadName,
    /// Repeated failures whose reason may be temporary.
    Unreachable,
}

/// What is known of an image that could not be pulled. Empty if nothing is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageFacts {
    answer: Option<Answer>,
    /// Architecture of the pod, by its Kubernetes name.
    needed: String,
    /// Architectures of the schedulable nodes; empty if they cannot be listed.
    nodes: Vec<String>,
}

impl ImageFacts {
    /// Waits for the answer of a check, if it is about this image. An admission webhook may have
    /// replaced the image.
    pub async fn of(check: &ImageCheck, image: &str, why: ImageCause, cluster: &Cluster) -> Self {
        if check.image() != image {
            return Self::default();
        }
        let nodes = async {
            match why {
                ImageCause::NoPlatform => capacity::architectures(cluster).await,
                _ => Vec::new(),
            }
        };
        let (answer, nodes) = tokio::join!(check.answer(ANSWER), nodes);
        Self {
            answer,
            nodes,
            needed: check.pod().architecture.clone(),
        }
    }

    /// Lines that follow the cluster's message.
    pub fn note(&self, image: &str, why: ImageCause) -> String {
        match (why, &self.answer) {
            (ImageCause::NotFound, Some(Answer::NotFound(tags))) if !tags.shown.is_empty() => {
                let others = match tags.others {
                    0 => String::new(),
                    number => format!(" and {}", text::count(number, "other")),
                };
                format!("\nits repository has {}{others}", text::names(&tags.shown))
            }
            // This machine's loopback interface is not the node's.
            (ImageCause::NotFound | ImageCause::NotAllowed, Some(Answer::Found(_)))
                if !Reference::parse(image).is_some_and(|it| it.is_loopback()) =>
            {
                "\nthe registry serves the image to this machine with its credentials".to_owned()
            }
            (ImageCause::NoPlatform, Some(Answer::Found(found))) => match &found.platforms[..] {
                [] => String::new(),
                platforms => format!("\nthe image is for {}", listed(platforms)),
            },
            _ => String::new(),
        }
    }

    /// A remedy that is more precise than that of the cause alone.
    pub fn help(&self, image: &str, why: ImageCause) -> Option<String> {
        match (why, self.answer.as_ref()?) {
            (ImageCause::NotFound, Answer::NotFound(Tags { nearest, .. })) => {
                let nearest = nearest.as_ref()?;
                let name = without_tag(image)?;
                Some(format!("did you mean `--image {name}:{nearest}`?"))
            }
            (ImageCause::NoPlatform, Answer::Found(found)) => self.other_cpu(found),
            _ => None,
        }
    }

    /// The remedy for an image of other CPUs: to build for one of them if the cluster has such
    /// nodes.
    fn other_cpu(&self, image: &Image) -> Option<String> {
        let has = |target: &&(&str, &str)| image.platforms.contains(&Platform::linux(target.0));
        let (cpu, target) = TARGETS.iter().find(has)?;
        let needed = &self.needed;
        Some(if self.nodes.iter().any(|node| node == cpu) {
            format!(
                "build for the {cpu} nodes with `--target {target}`, or use an image for {needed}"
            )
        } else if self.nodes.is_empty() {
            format!("use an image for {needed}, or build for {cpu} nodes with `--target {target}`")
        } else {
            format!(
                "use an image for {needed}: the cluster has no {cpu} nodes for `--target {target}`"
            )
        })
    }
}

/// Kubernetes' names of the CPUs that kt supports, and rustc's targets for them.
const TARGETS: [(&str, &str); 2] = [
    ("amd64", "x86_64-unknown-linux-gnu"),
    ("arm64", "aarch64-unknown-linux-gnu"),
];

/// `linux/amd64, linux/arm64`.
pub fn listed(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().map(Platform::to_string).collect();
    names.join(", ")
}

fn without_tag(image: &str) -> Option<&str> {
    match Reference::parse(image)?.version() {
        Version::Tag(tag) => {
            let name = image
                .strip_suffix(&**tag)
                .and_then(|it| it.strip_suffix(':'));
            Some(name.unwrap_or(image))
        }
        Version::Digest(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(nodes: &[&str]) -> ImageFacts {
        ImageFacts {
            answer: Some(Answer::Found(Image {
                platforms: vec![Platform::linux("arm64")],
                size: None,
            })),
            needed: "amd64".to_owned(),
            nodes: nodes.iter().map(|&node| node.to_owned()).collect(),
        }
    }

    #[test]
    fn another_target_is_advised_if_the_cluster_has_nodes_for_it() {
        let help = |nodes: &[&str]| arm(nodes).help("app:1", ImageCause::NoPlatform).unwrap();
        assert_eq!(
            help(&["amd64", "arm64"]),
            "build for the arm64 nodes with `--target aarch64-unknown-linux-gnu`, or use an image for amd64"
        );
        assert_eq!(
            help(&["amd64"]),
            "use an image for amd64: the cluster has no arm64 nodes for `--target aarch64-unknown-linux-gnu`"
        );
        assert!(help(&[]).starts_with("use an image for amd64, or build"));
        let note = arm(&[]).note("app:1", ImageCause::NoPlatform);
        assert_eq!(note, "\nthe image is for linux/arm64");
    }

    #[test]
    fn a_similar_tag_is_suggested() {
        let facts = ImageFacts {
            answer: Some(Answer::NotFound(Tags {
                shown: vec!["12".to_owned(), "11".to_owned()],
                others: 3,
                nearest: Some("12".to_owned()),
            })),
            ..ImageFacts::default()
        };
        let help = |image| facts.help(image, ImageCause::NotFound).unwrap();
        assert_eq!(
            help("reg:5000/app:21"),
            "did you mean `--image reg:5000/app:12`?"
        );
        assert_eq!(
            help("reg:5000/app"),
            "did you mean `--image reg:5000/app:12`?"
        );
        assert_eq!(
            facts.note("app:21", ImageCause::NotFound),
            "\nits repository has `12`, `11` and 3 others"
        );
        assert_eq!(facts.help("app:21", ImageCause::Unreachable), None);
    }

    #[test]
    fn an_image_that_this_machine_can_pull_is_named_so_unless_its_registry_is_local() {
        let note = |image| arm(&[]).note(image, ImageCause::NotAllowed);
        assert!(note("reg.test/app:1").contains("serves the image to this machine"));
        assert_eq!(note("localhost:5000/app:1"), "");
    }
}
