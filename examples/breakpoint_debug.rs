//! One call stops at a breakpoint and can be debugged; other calls are answered meanwhile.
//!
//! ```text
//! cargo kt run --example breakpoint_debug       # asks whether to debug the call: type `y`
//! (gdb) bt                                      # then `info locals`, `print totals`, and `next`
//! (gdb) quit                                    # the call and the program continue
//! ```

use std::{collections::HashMap, time::Duration};

use tokio::time;

/// The total of each customer's orders.
#[kt::remote]
async fn totals(orders: Vec<(String, u64)>) -> HashMap<String, u64> {
    let customers: Vec<String> = orders.iter().map(|(name, _)| name.clone()).collect();
    let mut totals = HashMap::new();
    for (customer, amount) in &orders {
        *totals.entry(customer.clone()).or_default() += amount;
    }
    kt::breakpoint!();
    totals.retain(|customer, _| customers.contains(customer));
    totals
}

#[kt::remote]
async fn ping(number: u64) -> u64 {
    number
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    let orders = [("Alice", 12), ("Bob", 30), ("Alice", 8)];
    let orders = orders.map(|(name, amount)| (name.to_owned(), amount));
    let stopped = tokio::spawn(totals(orders.to_vec()).into_future());
    let mut pings = 0;
    while !stopped.is_finished() {
        pings += 1;
        assert_eq!(ping(pings).await?, pings);
        time::sleep(Duration::from_millis(100)).await;
    }
    let mut totals = Vec::from_iter(stopped.await.expect("the task does not panic")?);
    totals.sort();
    println!("{totals:?}, and {pings} other calls were answered meanwhile");
    Ok(())
}
