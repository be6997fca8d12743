//! The rule as a regular expression of the API's description, for clients that check before they
//! send.
//!
//! The rule alone has what an expression cannot say well: marks, and the treatment of signs without
//! a meaning.

use super::Form;

/// White space, which may be around any text.
const AROUND: &str = r"\t-\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000";
/// Signs that no text may have. Those beyond four hexadecimal digits stand for themselves: dialects
/// disagree about how to write them.
const NEVER: &str = "\\u0000-\\u0008\\u000E-\\u001F\\u007F-\\u0084\\u0086-\\u009F\\u202A-\\u202E\\u2066-\\u2069\
                     \\uE000-\\uF8FF\\uFDD0-\\uFDEF\\uFFF9-\\uFFFF\u{E0000}-\u{10FFFF}";
/// Signs that no line may have.
const BREAKS: &str = r"\t-\r\u0085\u2028\u2029";
/// Signs that cannot be seen by themselves, besides white space.
const UNSEEN: &str = "\\u00AD\\u0300-\\u036F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u180B-\\u180F\\u200B-\\u200F\\u2060-\\u2065\
                      \\u206A-\\u206F\\u2800\\u3164\\uFE00-\\uFE0F\\uFEFF\\uFFA0\\uFFF0-\\uFFF8\
                      \u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}";

/// The expression for texts of this form with at least `min` characters.
pub(super) fn pattern(form: Form, min: usize) -> String {
    let mut never = NEVER.to_owned();
    if form == Form::Line {
        never.push_str(BREAKS);
    }
    // The last two places of each plane are no characters.
    for plane in 1..=0xD {
        never.extend([0xFFFE, 0xFFFF].map(|place| char::from_u32(plane << 16 | place).unwrap_or_default()));
    }
    let seen = match min {
        0 => String::new(),
        min => format!("(?:[^{never}]*[^{never}{AROUND}{UNSEEN}]){{{min}}}"),
    };
    format!("^[{AROUND}]*{seen}[^{never}]*[{AROUND}]*$")
}
