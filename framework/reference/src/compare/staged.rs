use super::agreement::Seen;
pub(super) fn compare(_seed: u64) -> Result<Seen, String> {
    Ok(Seen::default())
}
