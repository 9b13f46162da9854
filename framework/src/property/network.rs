//! Properties of network traffic. A search does not count traffic, so there they always hold.

use std::time::Duration;

use super::{Property, Subject, violated};

/// No message is larger than `limit` encoded bytes.
#[must_use]
pub fn max_message_bytes(limit: u64) -> Property {
    Property::new(format!("no message is larger than {limit} bytes"), move |view| {
        match view.traffic() {
            Some(traffic) if traffic.message_bytes_max > limit => {
                let ends = match traffic.largest {
                    Some((from, to)) => format!(" from {from} to {to}"),
                    None => String::new(),
                };
                let large = violated(
                    format!("messages of at most {limit} bytes"),
                    format!("one{ends} had {} bytes", traffic.message_bytes_max),
                );
                Err(match traffic.largest {
                    Some((from, to)) => large.about(Subject::LargestMessage { from, to }),
                    None => large,
                })
            }
            _ => Ok(()),
        }
    })
}

/// At most `limit` messages are sent per command, averaged over the run. A run without commands has no average.
#[must_use]
pub fn max_messages_per_command(limit: u64) -> Property {
    Property::new(format!("at most {limit} messages are sent a command"), move |view| {
        let Some(sent) = view.traffic().map(|traffic| traffic.sent) else { return Ok(()) };
        let commands: usize =
            view.clients().into_iter().map(|client| view.operations(client).len()).sum();
        if commands > 0 && sent > limit * commands as u64 {
            return Err(violated(
                format!("at most {limit} messages for each of {commands} commands"),
                format!("{sent} messages were sent"),
            )
            .about(Subject::Messages));
        }
        Ok(())
    })
}

/// Nothing has been sent for at least `quiet`.
#[must_use]
pub fn silent_for(quiet: Duration) -> Property {
    Property::new("nobody sends when everything is answered", move |view| {
        let (Some(traffic), Some(now_ns)) = (view.traffic(), view.now_ns()) else { return Ok(()) };
        let silence = Duration::from_nanos(now_ns.saturating_sub(traffic.last_sent_ns));
        if traffic.sent > 0 && silence < quiet {
            return Err(violated(
                format!("no message in the last {quiet:?}, as every command was answered before"),
                // Rounded down, so that it is still too short.
                format!("one was sent {:?} ago", Duration::from_millis(silence.as_millis() as u64)),
            )
            .about(Subject::LastMessage));
        }
        Ok(())
    })
}
