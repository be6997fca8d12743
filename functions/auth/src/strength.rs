//! Refuses new passwords that an attacker would try first.

use domain::Result;
use domain::error::Fields;
use domain::text::without_accents;
use domain::user::{Email, Password};
use zxcvbn::{Score, zxcvbn};

/// Words that an attacker of this box office would try first. They complete the lists of
/// `zxcvbn`: English words, and the passwords that leaked most often.
const HOUSE: &str = "taquilla boleta boleteria entrada concierto contraseña contrasena clave secreto hola teamo mimama \
                     colombia argentina mexico chile peru";

/// Checks that `password` is neither made of the user's own address and name, nor among
/// the first million guesses of an attacker who knows these and the lists of common
/// passwords: with a hundred guesses a day for one account, 27 years. A length that
/// [`Password::check_new`] refuses is not judged.
fn check(password: &Password, email: &Email, name: &str, pointer: &str, fields: &mut Fields) {
    let text = password.as_str();
    if !(Password::MIN_CHARS..=Password::MAX_CHARS).contains(&text.chars().count()) {
        return;
    }
    let own = [email.as_str(), name].map(|text| without_accents(text).to_lowercase());
    let words = own.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    // Words of one or two letters are in almost every text.
    let mut words: Vec<&str> = words.filter(|word| word.chars().count() > 2).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let known: Vec<&str> =
        words.iter().copied().chain(own.iter().map(String::as_str)).chain(HOUSE.split(' ')).collect();
    let is_first = is_made_of(text, &words) || zxcvbn(text, &known).score() < Score::Two;
    fields.rule(
        !is_first,
        pointer,
        "Is among the first that anybody would try. Take several words that have nothing to do with each other or \
         with you.",
    );
}

/// Checks that a user with this address and name may choose `password`.
pub(crate) fn check_new(password: &Password, email: &Email, name: &str) -> Result<()> {
    let mut fields = Fields::new();
    password.check_new("/password", Some(email), &mut fields);
    check(password, email, name, "/password", &mut fields);
    fields.finish()
}

/// True if `text` contains one of `words`, and has fewer than four letters without them.
fn is_made_of(text: &str, words: &[&str]) -> bool {
    let letters: String =
        without_accents(text).to_lowercase().chars().filter(|c| c.is_alphabetic()).collect();
    let rest = words.iter().fold(letters.clone(), |rest, word| rest.replace(word, ""));
    rest.len() < letters.len() && rest.chars().count() < 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(password: &str, email: &str, name: &str) -> bool {
        let mut fields = Fields::new();
        let email = email.parse().expect("valid");
        check(&Password::new(password), &email, name, "/password", &mut fields);
        fields.finish().is_ok()
    }

    #[test]
    fn common_passwords_are_refused() {
        const TRIED: &str = "1234567890 12345678910 0987654321 qwertyuiop 1q2w3e4r5t password123 Password1234 passw0rd123 \
                             iloveyou123 contraseña1 contrasena123 Colombia2024 aaaaaaaaab abcdefghij asdfghjkl1 \
                             taquilla123 princess123 barcelona10 1111111111 administrator";
        for password in TRIED.split(' ') {
            assert!(!is_taken(password, "ana@example.com", "Ana"), "{password}");
        }
    }

    #[test]
    fn the_users_own_address_and_name_are_refused() {
        const OWN: &str =
            "ana.farola@example.com Ana.Farola1 anafarola123 farola2024 FarolaAna1 ana@example1 example.com";
        for password in OWN.split(' ') {
            assert!(!is_taken(password, "ana.farola@example.com", "Ana Farola"), "{password}");
        }
        assert!(!is_taken("ana.lopez12", "ana@example.com", "Ana López"));
        assert!(!is_taken("ejemplares1", "caro@example.com", "Carolina Ejemplares"));
        assert!(is_taken("farola gris del puerto", "ana.farola@example.com", "Ana Farola"));
    }

    #[test]
    fn unrelated_words_are_accepted() {
        for password in [
            "tres tristes tigres",
            "taquilla-demo",
            "mi gato toca el bajo",
            "x7Kq-92mfTz",
            "correct horse battery",
        ] {
            assert!(is_taken(password, "ana@example.com", "Ana"), "{password}");
        }
    }
}
