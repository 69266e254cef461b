struct Counter {
    value: u8,
}

impl Counter {
    #[kt::remote]
    fn get(&self, add: u8) -> u8 {
        self.value + add
    }

    #[kt::remote]
    fn boxed(self: Box<Self>) -> Self {
        *self
    }

    #[kt::remote]
    fn new() -> Self {
        Self { value: 0 }
    }
}

async fn uses() -> u8 {
    let counter: Counter = Counter::new().await.unwrap();
    counter.get(1).await.unwrap()
}

fn main() {}
