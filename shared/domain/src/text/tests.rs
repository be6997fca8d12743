use jsonschema::Validator;
use proptest::prelude::*;
use schemars::{JsonSchema, schema_for};

use super::*;

type Name = Line<1, 40>;
type Remark = Line<0, 40>;
type Note = Paragraph<1, 40>;

fn line(text: &str) -> Result<String, InvalidText> {
    text.parse::<Name>().map(String::from)
}

fn note(text: &str) -> Result<String, InvalidText> {
    text.parse::<Note>().map(String::from)
}

fn is_kept(text: &str, kept: &str) {
    assert_eq!(line(text).as_deref(), Ok(kept), "{text:?}");
}

#[test]
fn names_of_the_world_are_kept() {
    for name in [
        "Ñandú Güemes",
        "O’Higgins",
        "Zoë & the Ÿs",
        "María-José (voz)",
        "Øystein Æsir",
        "Nguyễn Thị Ánh",
        "Дмитрий",
        "Ελένη",
        "山田太郎",
        "김철수",
        "ไตรรัตน์",
        "दिव्या",
        "مُحَمَّد",
        "שָׁלוֹם",
        "བསྟན་འཛིན",
        "!!!",
        "¿?",
        "1️⃣ 🎸",
        "AC/DC",
        "Beyoncé <3",
        "👩🏽‍🎤",
        "❤️‍🔥",
        "می‌خواهم",
        "∆ lt-J",
        "a\u{2019}b",
        "100 % 🇨🇱",
        "ﷺ",
    ] {
        is_kept(name, name);
    }
}

#[test]
fn texts_have_one_spelling() {
    is_kept("nin\u{303}a", "niña");
    is_kept("  Ana \t\r\n", "Ana");
    is_kept("Ana\u{a0}María   Farola\u{3000}", "Ana María Farola");
    is_kept("\u{feff}Ana\u{200b}", "Ana");
    is_kept("A\u{ad}na\u{200d} \u{200c}F\u{2060}arola\u{200e}", "Ana Farola");
    is_kept("a\u{34f}\u{301}", "á");
    assert_eq!(note("uno\r\ndos\rtres\u{2028}\tcuatro  \n\n").as_deref(), Ok("uno\ndos\ntres\n cuatro"));
}

#[test]
fn invisible_text_counts_as_empty() {
    for nothing in [
        "",
        " ",
        "\u{a0}",
        "\u{200b}",
        "\u{3164}",
        "\u{115f}\u{1160}",
        "\u{2800}\u{2800}",
        "\u{ffa0}",
        "\u{fe0f}",
        "\u{301}",
        "\u{200d}",
        "\u{180e}\u{3000}",
        "\u{2063}\u{feff}",
        "\u{17b4}",
        "\r\n\t",
    ] {
        assert_eq!(line(nothing), Err(InvalidText::Length { min: 1, max: 40 }), "{nothing:?}");
        assert_eq!(nothing.parse::<Remark>().expect("may be empty").some(), None, "{nothing:?}");
    }
    // A sign that cannot be seen does not make a name long enough.
    assert!("a\u{fe0f}".parse::<Line<2, 9>>().is_err());
}

#[test]
fn misleading_characters_are_refused_with_their_place() {
    let reasons: Vec<String> = [
        "Ana\nFarola",
        "Ana\r\nFarola",
        "Ana\u{2028}Farola",
        "Ana\u{85}Farola",
        "Ana\u{b}Farola",
        " Ana\tFarola",
        "Ana\0",
        "A\u{1b}[31mna",
        "A\u{7f}",
        "Jos\u{fffd} P\u{fffd}rez",
        "\u{202e}anA",
        "A\u{2066}na\u{2069}",
        "\u{e000}",
        "Ana\u{f8ff}",
        "A\u{e0041}\u{e007f}",
        "a\u{fffe}",
        "a\u{1ffff}",
        "a\u{fdd0}",
        "a\u{fff9}",
        "a\u{10fffd}",
        "Z\u{334}\u{335}\u{336}\u{337}\u{338}algo",
        &"x".repeat(41),
    ]
    .map(|text| line(text).expect_err(text).sentence(Language::En))
    .into();
    insta::assert_snapshot!(reasons.join("\n"), @r"
    Must be a single line; character 4 is a line break.
    Must be a single line; character 4 is a line break.
    Must be a single line; character 4 is a line break.
    Must be a single line; character 4 is a line break.
    Must be a single line; character 4 is a line break.
    Must not have tabs; character 5 is one.
    Must not have control signs; character 4 is U+0000.
    Must not have control signs; character 2 is U+001B.
    Must not have control signs; character 2 is U+007F.
    Must be written anew; character 4 is U+FFFD, which stands for a letter that was lost when the text was saved or copied.
    Must not turn the direction of writing; character 1 is the invisible U+202E.
    Must not turn the direction of writing; character 2 is the invisible U+2066.
    Must not have signs that others cannot see; character 1 is U+E000.
    Must not have signs that others cannot see; character 4 is U+F8FF.
    Must not have signs that others cannot see; character 2 is U+E0041.
    Must not have signs that others cannot see; character 2 is U+FFFE.
    Must not have signs that others cannot see; character 2 is U+1FFFF.
    Must not have signs that others cannot see; character 2 is U+FDD0.
    Must not have signs that others cannot see; character 2 is U+FFF9.
    Must not have signs that others cannot see; character 2 is U+10FFFD.
    Must not have more than 4 accents on one letter.
    Must have between 1 and 40 characters.
    ");
}

#[test]
fn a_paragraph_may_have_line_breaks_and_nothing_worse() {
    assert_eq!(note("Traer:\n- agua\n- ñandú").as_deref(), Ok("Traer:\n- agua\n- ñandú"));
    for text in ["a\0b", "a\u{202e}b", "a\u{fffd}b", "a\u{e0020}b", "\n\u{200b}\n"] {
        assert!(note(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_error_of_a_request_names_place_and_reason() {
    let error = serde_json::from_str::<Name>("\"Ana\\nFarola\"").expect_err("refused");
    assert!(error.to_string().starts_with("must be a single line; character 4 is a line break"), "{error}");
    assert!(serde_json::from_str::<Name>(r#""\ud800""#).is_err(), "half a pair is no text");
    assert_eq!(
        serde_json::to_string(&serde_json::from_str::<Name>("\" Ana \"").expect("good")).ok().as_deref(),
        Some("\"Ana\"")
    );
}

#[test]
fn telephone_numbers_are_plain() {
    for (text, number) in [
        ("+57 300 123-4567", "+57 300 123-4567"),
        ("\u{202a}+57\u{a0}300\u{a0}1234567\u{202c}", "+57 300 1234567"),
        ("(601)\u{2011}555\u{2013}0100 ", "(601)-555-0100"),
        (" ", ""),
    ] {
        assert_eq!(text.parse::<Phone>().map(String::from).as_deref(), Ok(number), "{text:?}");
    }
    for text in ["llámame", "+-()", "1\n2", "3,0012345E+09", "１２３", &"1".repeat(33)] {
        assert_eq!(text.parse::<Phone>(), Err(InvalidPhone), "{text:?}");
    }
}

fn schema<T: JsonSchema>() -> Validator {
    jsonschema::validator_for(schema_for!(T).as_value()).expect("a schema")
}

/// Letters, marks, blanks, breaks and signs of every kind.
fn text() -> impl Strategy<Value = String> {
    let odd = "[ \\t\\n\\r\u{85}\u{2028}\u{a0}\u{ad}\u{301}\u{34f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2060}-\u{206f}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{fff9}-\u{ffff}\u{e0001}\u{e000}\0\u{1f}\u{7f}\u{212a}\u{1fef}\u{fb2c}]";
    prop_oneof![
        "\\PC{0,45}",
        proptest::collection::vec(
            prop_oneof![
                odd.prop_map(|s: String| s),
                "[a-zñÁ0-9éㅏ가👩❤क्]".prop_map(|s: String| s),
                any::<char>().prop_map(String::from)
            ],
            0..45
        )
        .prop_map(|parts| parts.concat()),
    ]
}

proptest! {
    #[test]
    fn kept_text_is_clean_and_stays_as_it_is(text in text()) {
        for (kept, again) in [
            (line(&text), line(&line(&text).unwrap_or_default())),
            (note(&text), note(&note(&text).unwrap_or_default())),
        ] {
            let Ok(kept) = kept else { continue };
            prop_assert_eq!(again.as_deref(), Ok(kept.as_str()));
            prop_assert!(ComposingNormalizerBorrowed::new_nfc().is_normalized(&kept));
            prop_assert_eq!(kept.trim(), &kept);
            prop_assert!(kept.chars().all(|sign| sign == '\n' || matches!(CharClass::of(sign), CharClass::Other | CharClass::Blank | CharClass::Joiner)));
            prop_assert!((1..=40).contains(&kept.chars().count()));
        }
        if let Ok(line) = line(&text) {
            prop_assert!(!line.contains('\n') && !line.contains("  "));
        }
    }

    /// Not for marks, whose tables an expression cannot hold, and not for the few signs that
    /// Unicode composes into more than one.
    #[test]
    fn the_pattern_agrees_with_the_check(text in text()) {
        let marked = text.chars().any(|sign| sign::is_mark(sign) && sign != '\u{fe0f}');
        let grows = tidied(&text, Form::Paragraph).chars().count() > text.chars().count();
        prop_assume!(!marked && !grows);
        let json = serde_json::Value::from(text.as_str());
        prop_assert_eq!(schema::<Name>().is_valid(&json), line(&text).is_ok(), "{:?}", line(&text));
        prop_assert_eq!(schema::<Note>().is_valid(&json), note(&text).is_ok(), "{:?}", note(&text));
        prop_assert_eq!(schema::<Phone>().is_valid(&json), text.parse::<Phone>().is_ok());
    }
}
