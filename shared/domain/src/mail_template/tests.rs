use super::*;
use crate::Currency;
use crate::tenant::{LegalInfo, Tenant};

fn facts() -> Facts {
    Facts::sample(TemplateName::DiscountApproved, Language::Es)
}

fn errors(name: TemplateName, subject: &str, body: &str) -> Vec<String> {
    let mut fields = Fields::new();
    check(name, subject, body, &mut fields);
    let Err(error) = fields.finish() else { return Vec::new() };
    error.field_errors().iter().map(|error| format!("{} {}", error.pointer, error.detail)).collect()
}

/// The field errors of a body.
fn wrong(body: &str) -> Vec<String> {
    errors(TemplateName::DiscountRejected, "Hola", body)
}

fn body(template: &str, facts: &Facts) -> String {
    render("Hola", template, facts).expect("a good template").body
}

fn tenant() -> Tenant {
    let id = TenantId::generate(Timestamp::UNIX_EPOCH);
    let country = ("CO", Currency::COP);
    Tenant {
        legal_info: Some(LegalInfo {
            nit: "900123456-7".to_owned(),
            legal_name: "Producciones Almendra S.A.S.".to_owned(),
            pulep_code: None,
            address: "Carrera 7 # 12-34".to_owned(),
            city: "Bogotá".to_owned(),
            country: "CO".to_owned(),
        }),
        ..Tenant::new(id, "Producciones Almendra", "hola@almendra.example", country, Timestamp::UNIX_EPOCH)
    }
}

#[test]
fn our_defaults_are_good_templates_in_every_situation() {
    for name in TemplateName::ALL {
        for language in [Language::Es, Language::En] {
            let (subject, body) = default(name, language);
            assert_eq!(errors(name, subject, body), [""; 0], "{name:?} {language:?}");
            let sample = Facts::sample(name, language);
            let situations = [
                Facts { code: None, ..sample.clone() },
                Facts { link: None, discount: None, ..sample.clone() },
                Facts { name: String::new(), ..sample.clone() },
                sample,
            ];
            for facts in situations {
                let wording = render(subject, body, &facts).expect("rendered");
                let text = format!("{}\n{}", wording.subject, wording.body);
                assert!(!text.contains(['{', '}']) && !text.contains("\n\n\n"), "{text}");
                assert!(!text.contains("none") && !text.contains(" :") && !text.contains(" ,"), "{text}");
                for said in [&facts.show, &facts.organizer].into_iter().chain(&facts.link) {
                    assert!(text.contains(said.as_str()), "{said} in {text}");
                }
            }
        }
    }
}

#[test]
fn an_approval_in_both_languages() {
    let text = |language, facts: &Facts| {
        let (subject, body) = default(TemplateName::DiscountApproved, language);
        let wording = render(subject, body, facts).expect("rendered");
        format!("{}\n\n{}", wording.subject, wording.body)
    };
    insta::assert_snapshot!(text(Language::Es, &facts()), @r"
    Tu descuento para Los Faroles

    Hola Ana Ríos:

    ¡Buenas noticias! Tu descuento de 20 % para Los Faroles está aprobado. Te esperamos el viernes 20 de noviembre de 2026, 20:30 h en Teatro Almendra, Bogotá.

    Tu código es FAROLES-7K2M9Q

    Es solo para ti: vale una vez, en una compra con el correo ana@example.com. Escríbelo al comprar tu entrada en https://boleteria.example/los-faroles

    Que lo disfrutes,
    Producciones Almendra
    ");
    let elsewhere = Facts { code: None, ..Facts::sample(TemplateName::DiscountApproved, Language::En) };
    insta::assert_snapshot!(text(Language::En, &elsewhere), @r"
    Your discount for Los Faroles

    Hello Ana Ríos,

    Good news! Your discount of 20 % for Los Faroles is approved. See you on Friday, 20 November 2026, 20:30 at Teatro Almendra, Bogotá.

    Buy your ticket with the discount here:
    https://boleteria.example/los-faroles

    The link is for you alone. Please do not share it.

    Enjoy the show,
    Producciones Almendra
    ");
}

#[test]
fn a_greeting_without_a_name_reads_well() {
    let named = Facts { code: None, link: None, ..facts() };
    let nobody = Facts { name: String::new(), discount: None, ..named.clone() };
    for (template, expected) in [
        ("Hola {{ name }}:", "Hola:"),
        ("Hola {{name}}, te esperamos en {{ city }}.", "Hola, te esperamos en Bogotá."),
        ("¡Hola {{ name }}!", "¡Hola!"),
        ("Tu descuento ({{ show }} {{ discount }}): {{ name }}", "Tu descuento (Los Faroles):"),
    ] {
        assert_eq!(body(template, &nobody), expected, "{template}");
    }
    assert_eq!(body("Hola {{ name }}:", &named), "Hola Ana Ríos:");
}

#[test]
fn the_faults_of_a_bad_template_are_named() {
    let all = [
        wrong("Hola {{ nombre }} de {{ ciudad }}, {{ nombre }}"),
        wrong("Hola\n{% if name %}{{ name }}\n"),
        wrong("Hola\n\n{% endif %}"),
        wrong("Hola {{ name"),
        wrong("a\n{{ name | upper }}"),
        wrong("{{ name.first }}{{ 7 }}"),
        wrong("{% if %}{% endif %}"),
        wrong("{% if name show %}{% endif %}"),
        wrong(&"{{ name }}".repeat(101)),
        errors(
            TemplateName::DiscountApproved,
            "Tu código {{ code }}",
            "¡Disfrútalo! {% if code %}Sí{% endif %}",
        ),
    ];
    insta::assert_snapshot!(all.map(|errors| errors.join("\n")).join("\n--\n"), @r"
    /body There is no variable `nombre`, `ciudad`. The variables are `name`, `email`, `show`, `artist`, `venue`, `city`, `date`, `organizer`, `code`, `link`, `discount`.
    --
    /body Line 2: unexpected end of input, expected end of block.
    --
    /body Line 3: unknown statement endif.
    --
    /body Line 1: unexpected end of input, expected end of variable block.
    --
    /body Line 2: between {{ and }} stands one variable and nothing else: {{ name }}.
    --
    /body Line 1: between {{ and }} stands one variable and nothing else: {{ name }}.
    /body There is no variable `7`. The variables are `name`, `email`, `show`, `artist`, `venue`, `city`, `date`, `organizer`, `code`, `link`, `discount`.
    --
    /body Line 1: unexpected end of block.
    --
    /body Line 1: unexpected identifier, expected end of block.
    --
    /body Must not have more than 100 tags.
    --
    /body An approval must tell how to get the discount: use {{ code }} or {{ link }}.
    ");
}

#[test]
fn good_templates_pass() {
    for good in [
        "Hola {{ name }}",
        "Hola {{name}}, {{- show -}} {# a remark with {{ anything | at * all }} #}",
        "{% if code and not link %}{{ code }}{% elif link or discount %}{{ link }}{% else %}-{% endif %}",
        "{%- if\nname\n-%}{{\nname\n}}{%- endif -%}",
        "100 % seguro { } }} %} #}",
        &"{{ name }}".repeat(100),
        &"x".repeat(10_000),
    ] {
        assert_eq!(wrong(good), [""; 0], "{good}");
        render("Hola", good, &facts()).expect(good);
    }
    assert_eq!(errors(TemplateName::DiscountApproved, "Hola", "{{ link }}"), [""; 0]);
    assert_eq!(errors(TemplateName::DiscountApproved, "Hola", "{{ code }}"), [""; 0]);
}

/// Each of these is valid Jinja and would cost memory or time, or reach further
/// than the facts.
#[test]
fn tags_that_cost_more_than_their_length_are_refused() {
    for evil in [
        "{% for x in range(100000000) %}{{ name }}{% endfor %}",
        "{% set x = name %}{% set x = x ~ x %}{{ x }}",
        "{{ name * 100000000 }}",
        "{{ \"}}\" * 100000000 }}",
        "{{ '%}' }}{% if \"%}\" * 9 %}{% endif %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include \"layout.html\" %}",
        "{% extends \"layout.html\" %}",
        "{% raw %}{{ name * 9 }}{% endraw %}",
        "{# #}{{ name ~ name }}{# #}",
        "{{ {} }}",
        "{{{ name }}}",
        "{{ self }}",
        "{{ namespace() }}",
        "{% if name|length %}{% endif %}",
        "{%+ set x = 1 +%}",
    ] {
        assert_ne!(wrong(evil), [""; 0], "{evil}");
        assert!(render("Hola", evil, &facts()).is_err(), "{evil}");
    }
    let deep = "{% if name %}".repeat(50) + &"{% endif %}".repeat(50);
    assert_eq!(wrong(&deep), [""; 0]);
}

#[test]
fn lines_with_only_a_tag_leave_no_empty_line_and_others_keep_theirs() {
    let template = "Hola {% if name %}{{ name }}{% endif %}\nUno\n{% if artist %}\n{{ artist }}\n{% endif %}\nDos\n\n\n\n{% if code %}\nTres\n{% endif %}\n\n\nFin\n";
    let facts = Facts { code: None, link: None, ..facts() };
    assert_eq!(body(template, &facts), "Hola Ana Ríos\nUno\nLos Faroles del Sur\nDos\n\nFin");
    assert_eq!(body("a\r\nb\r\n\r\n\r\nc", &facts), "a\nb\n\nc");
}

#[test]
fn names_of_members_and_shows_are_never_read_as_templates() {
    let facts = Facts { name: "{{ code }}{% if x %}".to_owned(), show: "{{ 7 * 7 }}".to_owned(), ..facts() };
    let wording = render("{{ show }}", "{{ name }} {{ show }} {{ code }}", &facts).expect("rendered");
    assert_eq!(wording.subject, "{{ 7 * 7 }}");
    assert_eq!(wording.body, "{{ code }}{% if x %} {{ 7 * 7 }} FAROLES-7K2M9Q");
}

#[test]
fn a_subject_is_one_line_with_any_variables() {
    let facts = Facts { show: "Los\r\nBcc: all@example.com".to_owned(), ..facts() };
    assert_eq!(
        render("{{ show }}", "{{ code }}", &facts).expect("rendered").subject,
        "Los Bcc: all@example.com"
    );
}

#[test]
fn an_approval_has_its_code_or_link_even_if_its_template_forgot_it() {
    let facts = facts();
    assert_eq!(body("Usa {{ link }}", &facts), "Usa https://boleteria.example/los-faroles\n\nFAROLES-7K2M9Q");
    let elsewhere = Facts { code: None, ..facts };
    assert_eq!(body("Usa {{ code }}", &elsewhere), "Usa\n\nhttps://boleteria.example/los-faroles");
    let draft = Facts { code: Some(CODE_PLACE.to_owned()), ..elsewhere };
    let drafted = render("{{ code }}", "Usa {{ code }}.", &draft).expect("rendered");
    assert_eq!(drafted.body, "Usa {{ code }}.");
    let sent = drafted.clone().with_code("ABC-1").with_code("ABC-1");
    assert_eq!((&*sent.subject, &*sent.body), ("ABC-1", "Usa ABC-1."));
    let edited = Wording { body: "Hola\n".to_owned(), ..drafted };
    assert_eq!(edited.clone().with_code("ABC-1").body, "Hola\n\nABC-1");
    assert_eq!(edited.with_link("https://x.example").body, "Hola\n\nhttps://x.example");
}

#[test]
fn the_page_escapes_everything_and_links_addresses() {
    let evil = "<script>alert('x')</script>";
    let facts = Facts { name: evil.to_owned(), show: evil.to_owned(), organizer: evil.to_owned(), ..facts() };
    let (subject, body) = default(TemplateName::DiscountApproved, Language::Es);
    let wording = render(subject, body, &facts).expect("rendered");
    let tenant = Tenant { name: evil.to_owned(), ..tenant() };
    let page = page(&wording, Language::Es, &tenant, "https://box.example").expect("a page");
    assert!(!page.html.contains("<script"), "{}", page.html);
    assert_eq!(page.html.matches("&lt;script&gt;").count(), 8, "{}", page.html);
    assert!(page.text.contains(evil), "plain text stays as it was written");

    let wording = Wording {
        subject: "Hola".to_owned(),
        body: "Ve a https://a.example/x?y=1&z=2. O (http://b.example),\ny \"https://c.example/\"onmouseover=\"x\"\n\njavascript:alert(1) https://".to_owned(),
    };
    let page = super::page(&wording, Language::En, &self::tenant(), "https://box.example").expect("a page");
    let start = page.html.find("<p style=\"margin:0 0 16px;\">").expect("a paragraph");
    let end = page.html.find("</td></tr>").expect("an end");
    insta::assert_snapshot!(&page.html[start..end], @r#"
    <p style="margin:0 0 16px;">Ve a <a class="link" style="color:#4338ca;" href="https://a.example/x?y=1&amp;z=2">https://a.example/x?y=1&amp;z=2</a>. O (<a class="link" style="color:#4338ca;" href="http://b.example">http://b.example</a>),<br>
    y &quot;<a class="link" style="color:#4338ca;" href="https://c.example/">https://c.example/</a>&quot;onmouseover=&quot;x&quot;</p>
    <p style="margin:0 0 16px;">javascript:alert(1) https://</p>
    "#);
    insta::assert_snapshot!(page.text, @r#"
    A message from Producciones Almendra, by way of Taquilla:

    Ve a https://a.example/x?y=1&z=2. O (http://b.example),
    y "https://c.example/"onmouseover="x"

    javascript:alert(1) https://

    --
    Organised by Producciones Almendra · hola@almendra.example
    Producciones Almendra S.A.S. · 900123456-7
    Carrera 7 # 12-34, Bogotá, CO
    https://box.example
    "#);
}

#[test]
fn the_page_stands_in_the_layout_of_all_mails() {
    let (subject, body) = default(TemplateName::DiscountRejected, Language::En);
    let facts = Facts::sample(TemplateName::DiscountRejected, Language::En);
    let wording = render(subject, body, &facts).expect("rendered");
    let page = page(&wording, Language::En, &tenant(), "https://box.example").expect("a page");
    assert_eq!(page.subject, "About your discount for Los Faroles");
    for part in ["<html lang=\"en\"", "prefers-color-scheme: dark", "https://box.example", "900123456-7"] {
        assert!(page.html.contains(part), "{part} in {}", page.html);
    }
    for tag in ["table", "tr", "td", "p", "a", "div"] {
        let count = |open: &str| page.html.matches(open).count();
        assert_eq!(
            count(&format!("<{tag} ")) + count(&format!("<{tag}>")),
            count(&format!("</{tag}>")),
            "{tag}"
        );
    }
}

#[test]
fn times_are_those_of_the_venue() {
    let time: Timestamp = "2026-11-21T01:30:00Z".parse().expect("a time");
    let es = |zone| date(time, zone, Language::Es);
    assert_eq!(es("America/Bogota"), "viernes 20 de noviembre de 2026, 20:30 h");
    assert_eq!(es("America/Santiago"), "viernes 20 de noviembre de 2026, 22:30 h");
    assert_eq!(es("Nowhere/Else"), "sábado 21 de noviembre de 2026, 01:30 h UTC");
    assert_eq!(date(time, "America/Bogota", Language::En), "Friday, 20 November 2026, 20:30");
}

#[test]
fn template_names_are_those_of_json() {
    for name in TemplateName::ALL {
        assert_eq!(serde_json::to_value(name).expect("JSON"), name.name());
    }
    let ours = MailTemplate::ours(tenant().id, TemplateName::DiscountApproved, Language::Es);
    assert_eq!(ours.created_at.to_string(), "2026-11-21T00:00:00Z");
}
