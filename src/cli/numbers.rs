//! Numbers on the command line, with words for what is none.

/// A whole number that is not negative: a seed, the number of an agent.
pub(in crate::cli) fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a whole number from 0 to {} is needed", u64::MAX))
}

/// Whole hours, as many as an order takes.
pub(in crate::cli) fn hours(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "a whole number of hours is needed, such as 48".to_owned())
}

/// A factor: a number that is one, and not below nothing.
pub(in crate::cli) fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor >= 0.0);
    // What lies between is the server's to judge; nothing has no sign.
    factor.map(|factor| factor + 0.0).ok_or_else(|| "a number from 0 to 10 is needed, such as 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_said_to_be_none() {
        assert_eq!((whole("7"), hours("48"), factor("0.5")), (Ok(7), Ok(48), Ok(0.5)));
        assert!(factor("-0").is_ok_and(|factor| factor.is_sign_positive()));
        for text in ["nan", "inf", "-1", "1e400", "x", ""] {
            assert!(factor(text).is_err_and(|words| words.contains("from 0 to 10")), "{text}");
        }
        assert!(hours("2.5h").is_err_and(|words| words.contains("whole number of hours")));
        assert!(whole("-1").is_err_and(|words| words.contains("from 0")));
    }
}
