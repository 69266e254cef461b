use kt::wire::{
    Generation,
    control::{Exit, Replaced, SwapRefused, SwapRequest, path},
    state::StateOptions,
};

use crate::{
    service::{Build, Service, gone, id, soon},
    worker::{ABORT, REFUSE},
};

#[tokio::test]
async fn edits_are_swapped_into_the_same_worker() {
    let service = Service::start();
    let first = service.swap(&Build::new("app", "one")).await.unwrap();
    assert_eq!(first.generation, Generation(1));
    assert!(first.changed && first.replaced.is_none());
    assert_eq!(first.loaded[0].build_id, "one");

    let again = service.swap(&Build::new("app", "one")).await.unwrap();
    assert_eq!((again.generation, again.changed), (Generation(1), false));
    assert_eq!(again.loaded, first.loaded);

    let second = service.swap(&Build::new("app", "two")).await.unwrap();
    assert_eq!((second.generation, second.changed), (Generation(2), true));
    assert_eq!(second.worker, first.worker);
    let mut driver = service.driver().await;
    assert_eq!(driver.ask("generation").await.unwrap(), "2");
}

#[tokio::test]
async fn objects_that_are_missing_are_named() {
    let service = Service::start();
    let request = SwapRequest {
        manifest: Build::new("app", "one").manifest,
        replace_worker: false,
        states: StateOptions::default(),
        at_least: None,
    };
    let control = service.control().await;
    let refused: Result<kt::wire::control::Swapped, SwapRefused> =
        soon(control.ask(path::SWAP, &request)).await.unwrap();
    match refused {
        Err(SwapRefused::Missing(ids)) => {
            assert_eq!(ids.len(), 4);
            assert!(ids.contains(&id(b"one")));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refused_generation_leaves_the_old_one_serving() {
    let service = Service::start();
    let first = service.swap(&Build::new("app", "one")).await.unwrap();
    match service.swap(&Build::new(REFUSE, "two")).await {
        Err(SwapRefused::Load(why)) => assert_eq!(why, "refused as told"),
        other => panic!("{other:?}"),
    }
    let status = service.status().await;
    assert_eq!(status.current.unwrap().0, first.generation);
    let mut driver = service.driver().await;
    assert_eq!(driver.ask("generation").await.unwrap(), "1");
    assert_eq!(
        driver.ask("pid").await.unwrap(),
        first.worker.pid.to_string()
    );
    // The refused one's number is not given again.
    let third = service.swap(&Build::new("app", "three")).await.unwrap();
    assert_eq!(third.generation, Generation(3));
}

#[tokio::test]
async fn a_generation_that_kills_the_worker_gives_way_to_the_last_good_one() {
    let service = Service::start();
    let first = service.swap(&Build::new("app", "one")).await.unwrap();
    match service.swap(&Build::new(ABORT, "two")).await {
        Err(SwapRefused::Died(death)) => {
            assert!(matches!(death.how, Exit::Signal { number: 6, .. }));
            assert_eq!(death.worker, first.worker);
        }
        other => panic!("{other:?}"),
    }
    let mut driver = service.driver().await;
    assert_eq!(driver.ask("generation").await.unwrap(), "1");
    assert_ne!(
        driver.ask("pid").await.unwrap(),
        first.worker.pid.to_string()
    );
}

/// A build that a worker of [`Build::new`] cannot load beside its own.
fn incompatible(program: &str, code: &str) -> Build {
    let mut build = Build::new(program, code);
    build.manifest.profile = "release".to_owned();
    build
}

#[tokio::test]
async fn a_worker_is_replaced_only_if_that_is_allowed_and_finishes_its_calls() {
    let service = Service::start();
    let first = service.swap(&Build::new("app", "one")).await.unwrap();
    match service.swap(&incompatible("app", "two")).await {
        Err(SwapRefused::NeedsNewWorker { because }) => {
            assert_eq!(because, "the profile changed");
        }
        other => panic!("{other:?}"),
    }
    let mut old = service.driver().await;
    old.ask("begin").await.unwrap();

    let second = service
        .swap_with(&incompatible("app", "two"), true)
        .await
        .unwrap();
    assert_ne!(second.worker.pid, first.worker.pid);
    assert_eq!(second.worker.instance, first.worker.instance + 1);
    assert!(matches!(
        second.replaced,
        Some(Replaced::Incompatible { former }) if former == first.worker
    ));
    // The call is still there, and so is its worker, while new connections go to the new one.
    assert_eq!(old.ask("pid").await.unwrap(), first.worker.pid.to_string());
    let mut new = service.driver().await;
    assert_eq!(new.ask("pid").await.unwrap(), second.worker.pid.to_string());
    old.say("finish").await;
    gone(first.worker.pid).await;
    assert_eq!(service.status().await.last_death, None);
}

#[tokio::test]
async fn a_replacement_that_fails_leaves_the_old_worker() {
    let service = Service::start();
    let first = service.swap(&Build::new("app", "one")).await.unwrap();
    for program in [REFUSE, ABORT] {
        let refused = service.swap_with(&incompatible(program, "two"), true).await;
        assert!(matches!(
            refused.unwrap_err(),
            SwapRefused::Load(_) | SwapRefused::Died(_)
        ));
        let mut driver = service.driver().await;
        assert_eq!(
            driver.ask("pid").await.unwrap(),
            first.worker.pid.to_string()
        );
    }
    let again = service.swap(&Build::new("app", "one")).await.unwrap();
    assert!(!again.changed && again.replaced.is_none());
}

#[tokio::test]
async fn a_worker_that_does_not_start_says_why() {
    let service = Service::start();
    let launchers = [
        (
            "#!/bin/sh\necho libfoo.so.1 is lacking >&2\nexit 127\n",
            "libfoo.so.1 is lacking",
        ),
        ("#!/nowhere/interpreter\n", "does not exist"),
    ];
    for (launcher, expected) in launchers {
        let build = Build::launched_by(launcher, "app", "one");
        match service.swap(&build).await {
            Err(SwapRefused::WorkerStart(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    // And what comes next is not disturbed by it.
    service.swap(&Build::new("app", "one")).await.unwrap();
}

#[tokio::test]
async fn a_worker_of_another_protocol_is_refused_with_both_versions() {
    let service = Service::start();
    let test = std::env::current_exe().unwrap();
    let launcher = format!(
        "#!/bin/sh\nFAKE_PROTOCOL=99 exec '{}' --ignored --exact process --nocapture\n",
        test.display()
    );
    match service
        .swap(&Build::launched_by(&launcher, "app", "one"))
        .await
    {
        Err(SwapRefused::WorkerStart(why)) => {
            let ours = format!("protocol {}", kt::wire::PROTOCOL);
            assert!(why.contains("protocol 99") && why.contains(&ours), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn swaps_at_the_same_time_are_taken_one_by_one() {
    let service = Service::start();
    service.swap(&Build::new("app", "zero")).await.unwrap();
    let builds = ["one", "two", "three"].map(|code| Build::new("app", code));
    let (one, two, three) = tokio::join!(
        service.swap(&builds[0]),
        service.swap(&builds[1]),
        service.swap(&builds[2])
    );
    let mut generations = [one, two, three].map(|swapped| swapped.unwrap().generation.0);
    generations.sort_unstable();
    assert_eq!(generations, [2, 3, 4]);
}
