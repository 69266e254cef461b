use std::marker::PhantomData;
use std::rc::Rc;

#[derive(serde::Serialize, serde::Deserialize)]
struct NotSend(PhantomData<Rc<u8>>);

#[kt::remote]
fn argument(fine: u8, value: NotSend) -> u8 {
    let _ = value;
    fine
}

#[kt::remote]
fn output(fine: u8) -> NotSend {
    let _ = fine;
    NotSend(PhantomData)
}

#[kt::remote]
async fn future(fine: u8) -> u8 {
    let shared = Rc::new(fine);
    std::future::ready(()).await;
    *shared
}

fn main() {}
