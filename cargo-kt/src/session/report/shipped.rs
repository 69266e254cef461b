//! How much was sent.

use std::time::Duration;

use crate::{
    ship::Shipped,
    terminal::{Terminal, text},
};

/// Reports a shipment. The program has `all` objects.
pub(in crate::session) fn shipped(
    terminal: &Terminal,
    shipped: &Shipped,
    all: usize,
    elapsed: Duration,
) {
    let seconds = elapsed.as_secs_f64();
    terminal.status(
        "Shipping",
        format_args!("{} in {}", line(shipped, all), text::duration(elapsed)),
    );
    let Shipped {
        objects,
        bytes,
        sent,
        patched,
        resumed,
        ..
    } = shipped;
    terminal.json(
        "kt-shipped",
        &serde_json::json!({
            "objects": objects, "bytes": bytes, "sent": sent, "patched": patched, "resumed": resumed, "seconds": seconds
        }),
    );
}

fn line(shipped: &Shipped, all: usize) -> String {
    let objects = text::count(shipped.objects, "object");
    let bytes = text::bytes(shipped.bytes);
    let size = match shipped.sent == shipped.bytes {
        true => bytes,
        false => format!("{} for {bytes}", text::bytes(shipped.sent)),
    };
    let resumed = match shipped.resumed {
        0 => String::new(),
        resumed => format!(", {resumed} resumed"),
    };
    format!("{objects} of {all} ({size}{resumed})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_over_the_connection_is_said_where_it_is_less() {
        let mut it = Shipped {
            objects: 1,
            bytes: 240_000,
            sent: 240_000,
            ..Shipped::default()
        };
        assert_eq!(line(&it, 5), "1 object of 5 (240.0 kB)");
        it.sent = 9_100;
        assert_eq!(line(&it, 5), "1 object of 5 (9.1 kB for 240.0 kB)");
        (it.objects, it.resumed) = (3, 2);
        assert_eq!(
            line(&it, 5),
            "3 objects of 5 (9.1 kB for 240.0 kB, 2 resumed)"
        );
    }
}
