use kt::wire::{
    control::Exit,
    inspect::{CallsInFlight, Inspection, path::INSPECT},
};

use crate::service::{Build, Service, signal, with_timeout};

async fn inspect(service: &Service) -> Inspection {
    let control = service.control().await;
    with_timeout(control.ask(INSPECT, &())).await.unwrap()
}

#[tokio::test]
async fn an_inspection_reports_the_workers_usage_and_previous_deaths() {
    let service = Service::start();
    assert!(inspect(&service).await.worker.is_none());
    let first = service.swap(&Build::new("app", "one")).await.unwrap();
    service.swap(&Build::new("app", "two")).await.unwrap();
    let worker = inspect(&service).await.worker.unwrap();
    assert_eq!(worker.reloads, 1);
    assert_eq!(worker.calls, Some(CallsInFlight::default()));
    let usage = worker.usage;
    assert!(
        usage.rss > 0 && usage.threads > 1 && usage.open_files > 5,
        "{usage:?}"
    );

    let mut driver = service.driver().await;
    assert_eq!(driver.ask("exit 3").await, None);
    // The next connection waits for the next worker.
    service.driver().await.ask("pid").await.unwrap();
    let inspection = inspect(&service).await;
    assert_eq!(inspection.worker.unwrap().reloads, 0);
    let [death] = &inspection.deaths[..] else {
        panic!("{:?}", inspection.deaths);
    };
    assert_eq!((death.worker, &death.how), (first.worker, &Exit::Code(3)));
}

#[tokio::test]
async fn a_worker_that_does_not_answer_is_inspected_without_its_calls() {
    let service = Service::start();
    let worker = service
        .swap(&Build::new("app", "one"))
        .await
        .unwrap()
        .worker;
    signal(worker.pid, "STOP");
    let inspection = inspect(&service).await;
    signal(worker.pid, "CONT");
    let inspected = inspection.worker.unwrap();
    assert_eq!(inspected.calls, None);
    assert!(inspected.usage.threads > 1);
    let again = inspect(&service).await.worker.unwrap();
    assert_eq!(again.calls, Some(CallsInFlight::default()));
}
