//! Keyboard layouts, as far as a scanner that types needs them: the 47 keys that a US
//! keyboard has, in four rows from the left, without and with Shift.
//!
//! What each key gives is a fact that xkeyboard-config's symbol files describe
//! (<https://gitlab.freedesktop.org/xkeyboard-config/xkeyboard-config>); where they
//! and Windows differ, keys are as on Windows, to which most scanners are plugged.
//! The tables and their form are ours.

/// A layout: two rows of 47 characters, of which these five stand for dead keys:
/// `ˋ` grave, `ˊ` acute, `ˆ` circumflex, `˜` tilde, `ˇ` caron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keyboard {
    /// The country or region where it is sold.
    pub(super) name: &'static str,
    /// The keys without Shift.
    pub(super) plain: &'static str,
    /// The keys with Shift.
    pub(super) shifted: &'static str,
}

const fn keyboard(name: &'static str, plain: &'static str, shifted: &'static str) -> Keyboard {
    Keyboard { name, plain, shifted }
}

/// The layout of a scanner that was never configured.
pub(super) const US: Keyboard = keyboard(
    "United States",
    r##"`1234567890-=qwertyuiop[]\asdfghjkl;'zxcvbnm,./"##,
    r##"~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?"##,
);

/// The layouts sold in Latin America and Europe with Latin letters. Austria (as Germany), Finland
/// (as Sweden), Ireland (as the United Kingdom) and Poland (as the United States) have no others,
/// as far as tickets' codes are concerned.
pub(super) const KEYBOARDS: [Keyboard; 20] = [
    US,
    keyboard(
        "United States, international",
        r##"ˋ1234567890-=qwertyuiop[]\asdfghjkl;ˊzxcvbnm,./"##,
        r##"˜!@#$%ˆ&*()_+QWERTYUIOP{}|ASDFGHJKL:¨ZXCVBNM<>?"##,
    ),
    keyboard(
        "United Kingdom",
        r##"`1234567890-=qwertyuiop[]#asdfghjkl;'zxcvbnm,./"##,
        r##"¬!"£$%^&*()_+QWERTYUIOP{}~ASDFGHJKL:@ZXCVBNM<>?"##,
    ),
    keyboard(
        "Latin America",
        r##"|1234567890'¿qwertyuiopˊ+}asdfghjklñ{zxcvbnm,.-"##,
        r##"°!"#$%&/()=?¡QWERTYUIOP¨*]ASDFGHJKLÑ[ZXCVBNM;:_"##,
    ),
    keyboard(
        "Spain",
        r##"º1234567890'¡qwertyuiopˋ+çasdfghjklñˊzxcvbnm,.-"##,
        r##"ª!"·$%&/()=?¿QWERTYUIOPˆ*ÇASDFGHJKLÑ¨ZXCVBNM;:_"##,
    ),
    keyboard(
        "Portugal",
        r##"\1234567890'«qwertyuiop+ˊ˜asdfghjklçºzxcvbnm,.-"##,
        r##"|!"#$%&/()=?»QWERTYUIOP*ˋˆASDFGHJKLÇªZXCVBNM;:_"##,
    ),
    keyboard(
        "Brazil, ABNT2",
        r##"'1234567890-=qwertyuiopˊ[]asdfghjklç˜zxcvbnm,.;"##,
        r##""!@#$%¨&*()_+QWERTYUIOPˋ{}ASDFGHJKLÇˆZXCVBNM<>:"##,
    ),
    keyboard(
        "France",
        r##"²&é"'(-è_çà)=azertyuiopˆ$*qsdfghjklmùwxcvbn,;:!"##,
        r##"~1234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§"##,
    ),
    keyboard(
        "Belgium",
        r##"²&é"'(§è!çà)-azertyuiopˆ$µqsdfghjklmùwxcvbn,;:="##,
        r##"³1234567890°_AZERTYUIOP¨*£QSDFGHJKLM%WXCVBN?./+"##,
    ),
    keyboard(
        "Germany",
        r##"ˆ1234567890ßˊqwertzuiopü+#asdfghjklöäyxcvbnm,.-"##,
        r##"°!"§$%&/()=?ˋQWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_"##,
    ),
    keyboard(
        "Switzerland, German",
        r##"§1234567890'ˆqwertzuiopü¨$asdfghjklöäyxcvbnm,.-"##,
        r##"°+"*ç%&/()=?ˋQWERTZUIOPè!£ASDFGHJKLéàYXCVBNM;:_"##,
    ),
    keyboard(
        "Switzerland, French",
        r##"§1234567890'ˆqwertzuiopè¨$asdfghjkléàyxcvbnm,.-"##,
        r##"°+"*ç%&/()=?ˋQWERTZUIOPü!£ASDFGHJKLöäYXCVBNM;:_"##,
    ),
    keyboard(
        "Italy",
        r##"\1234567890'ìqwertyuiopè+ùasdfghjklòàzxcvbnm,.-"##,
        r##"|!"£$%&/()=?^QWERTYUIOPé*§ASDFGHJKLç°ZXCVBNM;:_"##,
    ),
    keyboard(
        "Denmark",
        r##"½1234567890+ˊqwertyuiopå¨'asdfghjklæøzxcvbnm,.-"##,
        r##"§!"#¤%&/()=?ˋQWERTYUIOPÅˆ*ASDFGHJKLÆØZXCVBNM;:_"##,
    ),
    keyboard(
        "Norway",
        r##"|1234567890+\qwertyuiopå¨'asdfghjkløæzxcvbnm,.-"##,
        r##"§!"#¤%&/()=?ˋQWERTYUIOPÅˆ*ASDFGHJKLØÆZXCVBNM;:_"##,
    ),
    keyboard(
        "Sweden",
        r##"§1234567890+ˊqwertyuiopå¨'asdfghjklöäzxcvbnm,.-"##,
        r##"½!"#¤%&/()=?ˋQWERTYUIOPÅˆ*ASDFGHJKLÖÄZXCVBNM;:_"##,
    ),
    keyboard(
        "Netherlands",
        r##"@1234567890/°qwertyuiop¨*<asdfghjkl+ˊzxcvbnm,.-"##,
        r##"§!"#$%&_()'?˜QWERTYUIOPˆ|>ASDFGHJKL±ˋZXCVBNM;:="##,
    ),
    keyboard(
        "Czechia",
        r##";+ěščřžýáíé=ˊqwertzuiopú)¨asdfghjklů§yxcvbnm,.-"##,
        r##"°1234567890%ˇQWERTZUIOP/('ASDFGHJKL"!YXCVBNM?:_"##,
    ),
    keyboard(
        "Hungary",
        r##"0123456789öüóqwertzuiopőúűasdfghjkléáyxcvbnm,.-"##,
        r##"§'"+!%/=()ÖÜÓQWERTZUIOPŐÚŰASDFGHJKLÉÁYXCVBNM?:_"##,
    ),
    keyboard(
        "Türkiye, Q",
        r##""1234567890*-qwertyuıopğü,asdfghjklşizxcvbnmöç."##,
        r##"é!'^+%&/()=?_QWERTYUIOPĞÜ;ASDFGHJKLŞİZXCVBNMÖÇ:"##,
    ),
];

/// Each dead key with pairs of a letter and what the key makes of it, capitals only.
const COMPOSED: [(char, &str); 5] = [
    ('ˋ', "AÀEÈIÌOÒUÙNǸWẀYỲ"),
    ('ˊ', "AÁCĆEÉIÍLĹNŃOÓRŔSŚUÚYÝZŹ"),
    ('ˆ', "AÂCĈEÊGĜHĤIÎJĴOÔSŜUÛWŴYŶZẐ"),
    ('˜', "AÃEẼIĨNÑOÕUŨVṼYỸ"),
    ('ˇ', "AǍCČDĎEĚGǦIǏKǨLĽNŇOǑRŘSŠTŤUǓZŽ"),
];

/// The character that a dead key gives by itself, if `key` is one.
pub(super) fn alone(key: char) -> Option<char> {
    let alone = match key {
        'ˋ' => '`',
        'ˊ' => '´',
        'ˆ' => '^',
        '˜' => '~',
        'ˇ' => 'ˇ',
        _ => return None,
    };
    Some(alone)
}

/// The letters that a dead key marks, each with the result.
pub(super) fn composed(dead: char) -> impl Iterator<Item = (char, char)> {
    let of_key = COMPOSED.iter().find(|(key, _)| *key == dead);
    let mut letters = of_key.map_or("", |(_, letters)| letters).chars();
    std::iter::from_fn(move || letters.next().zip(letters.next()))
}
