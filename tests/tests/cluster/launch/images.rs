use tests::{
    Fixture,
    cluster::{Namespace, image},
};

use super::{AT_ONCE, refused};

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn unavailable_images_show_the_registrys_message() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::debian());
    for (name, image, more) in [
        ("image_not_found", image::in_registry("nowhere:1"), None),
        (
            "image_not_allowed",
            image::in_registry("private/app:1"),
            None,
        ),
        (
            "image_of_another_cpu",
            image::in_registry("arm64/pulled:12"),
            None,
        ),
        ("image_name", "kt.test/UPPER:1".to_owned(), None),
        (
            "image_never_pulled",
            "kt.test/nowhere:1".to_owned(),
            Some("--image-pull-policy=Never"),
        ),
    ] {
        let options = ["--image", &image].into_iter().chain(more);
        let options: Vec<&str> = options.collect();
        refused(name, (&namespace, &project), AT_ONCE, &options);
    }
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_is_pulled_from_a_registry() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::in_registry("pulled:12"));
    project
        .run()
        .success()
        .says("Pulled")
        .prints("hello Alice, visit 1");
}

#[test]
#[ignore = "needs a cluster: see the module's documentation"]
fn image_entrypoint_is_not_run() {
    let namespace = Namespace::new();
    let project = namespace.project(Fixture::ONE, &image::exits());
    project.run().success().prints("hello Alice, visit 1");
}
