//! The plan of an import: what each line would change, compared with the known members.

use std::collections::{BTreeSet, HashMap};

use domain::member::Member;
use domain::tenant::Tenant;
use domain::{Language, MemberId, Result, Timestamp, UserId};
use web::Supervisor;

use super::ImportError;
use super::cells::LineValues;
use super::dates::Order;
use super::reason::Reason;
use super::table::Table;
use crate::State;
use domain::member::member_not_found;

/// What an import does, line by line.
#[derive(Debug)]
pub(super) struct Plan {
    /// The number of lines, the bad ones included.
    pub(super) lines: u32,
    /// The good lines' numbers and steps.
    pub(super) steps: Vec<(u32, Step)>,
    /// The errors of the bad lines, ordered by line.
    pub(super) errors: Vec<ImportError>,
}

/// What a good line does.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few thousand of them for one request")]
pub(super) enum Step {
    /// Creates a member: none has the address.
    New(Member),
    /// Changes the member with the address.
    Changed { before: Member, after: Member },
    /// Changes nothing: the member with the address is as the line says.
    Unchanged(MemberId),
}

impl Plan {
    pub(super) fn count(&self, is: impl Fn(&Step) -> bool) -> u32 {
        let steps = self.steps.iter().filter(|(_, step)| is(step)).count();
        u32::try_from(steps).unwrap_or(u32::MAX)
    }

    pub(super) fn bad_lines(&self) -> u32 {
        let lines: BTreeSet<u32> = self.errors.iter().map(|error| error.line).collect();
        u32::try_from(lines.len()).unwrap_or(u32::MAX)
    }
}

impl State {
    pub(super) async fn plan(&self, supervisor: &Supervisor, table: Table) -> Result<Plan> {
        let now = self.clock.now();
        let tenant = self.store.tenant(supervisor.tenant).await?.ok_or_else(member_not_found)?;
        let mut draft = Draft { tenant, by: supervisor.user, now, errors: table.errors, members: Vec::new() };
        let mut lines = Vec::with_capacity(table.rows.len());
        let order = Order::of(table.dates.iter().map(String::as_str));
        for row in table.rows {
            match LineValues::read(row, order) {
                Ok(line) => lines.push(line),
                Err(errors) => draft.errors.extend(errors),
            }
        }
        let lines = draft.without_repeated_addresses(lines);
        let emails: Vec<_> = lines.iter().map(|line| &line.email).collect();
        let known = self.store.members_with(&self.fingerprints, draft.tenant.id, &emails, &[]).await?;
        draft.compare(&lines, known);

        let wanted = draft.wanted_identities();
        let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
        let owners = self.store.members_with(&self.fingerprints, draft.tenant.id, &[], &wanted).await?;
        draft.check_identities(&owners);
        table.sheet.name_cells(&mut draft.errors);
        Ok(draft.finish(table.lines))
    }
}

/// A plan that is being made.
struct Draft {
    tenant: Tenant,
    by: UserId,
    now: Timestamp,
    errors: Vec<ImportError>,
    /// Each line's number, its member before the import, if known, and after it.
    members: Vec<(u32, Option<Member>, Member)>,
}

impl Draft {
    fn without_repeated_addresses(&mut self, lines: Vec<LineValues>) -> Vec<LineValues> {
        let mut first: HashMap<String, u32> = HashMap::new();
        let mut kept = Vec::with_capacity(lines.len());
        for line in lines {
            match first.get(line.email.as_str()) {
                Some(other) => {
                    let reason = Reason::new(
                        format!("Line {other} has the same e-mail address. Keep one of both."),
                        format!("La línea {other} tiene el mismo correo. Deja una de las dos."),
                    );
                    self.errors.push(ImportError::new(line.line, Some("email"), reason));
                }
                None => {
                    first.insert(line.email.to_string(), line.line);
                    kept.push(line);
                }
            }
        }
        kept
    }

    /// Applies each line to its member, or to a new one.
    fn compare(&mut self, lines: &[LineValues], known: Vec<Member>) {
        let mut known: HashMap<String, Member> =
            known.into_iter().map(|member| (member.email.to_string(), member)).collect();
        for line in lines {
            let before = known.remove(line.email.as_str());
            let mut after = before.clone().unwrap_or_else(|| self.new_member(line));
            match line.apply(&mut after, self.now) {
                Ok(()) => self.members.push((line.line, before, after)),
                Err(errors) => self.errors.extend(errors),
            }
        }
    }

    fn new_member(&self, line: &LineValues) -> Member {
        Member {
            id: MemberId::generate(self.now),
            tenant_id: self.tenant.id,
            name: String::new(),
            email: line.email.clone(),
            country: self.tenant.country.clone(),
            dni: None,
            phone: None,
            city: None,
            registration_date: self.now,
            how_did_you_find_us: None,
            favorite_music_genre: None,
            subscription_active: false,
            monthly_fee_current: false,
            language: Language::default(),
            email_bounced_at: None,
            updated_by: Some(self.by),
            created_at: self.now,
            updated_at: self.now,
            version: 1,
        }
    }

    /// The national ids, as identities, that the lines would give to a new member or another one.
    fn wanted_identities(&self) -> Vec<String> {
        let new = self.members.iter().filter_map(|(_, before, after)| {
            let has = before.as_ref().and_then(Member::identity);
            after.identity().filter(|identity| has.as_ref() != Some(identity))
        });
        new.collect()
    }

    /// Removes the lines whose national id is another member's or another line's, and notes
    /// the errors.
    fn check_identities(&mut self, owners: &[Member]) {
        let owners: HashMap<String, MemberId> =
            owners.iter().filter_map(|member| Some((member.identity()?, member.id))).collect();
        let mut first: HashMap<String, u32> = HashMap::new();
        let Self { members, errors, .. } = self;
        members.retain(|(line, _, after)| {
            let Some(identity) = after.identity() else { return true };
            let other = first.get(&identity).copied();
            let reason = if let Some(other) = other {
                Reason::new(
                    format!("Line {other} has the national id of the same person. Keep one of both."),
                    format!("La línea {other} tiene el documento de la misma persona. Deja una de las dos."),
                )
            } else if owners.get(&identity).is_some_and(|owner| *owner != after.id) {
                Reason::of(
                    "Another member has this national id. Check it for a typo.",
                    "Otro miembro tiene este documento. Busca un error de tipeo.",
                )
            } else {
                first.insert(identity, *line);
                return true;
            };
            errors.push(ImportError::new(*line, Some("dni"), reason));
            false
        });
    }

    fn finish(mut self, lines: u32) -> Plan {
        self.errors.sort_by_key(|error| error.line);
        let steps = self.members.into_iter().map(|(line, before, mut after)| {
            let step = match before {
                None => Step::New(after),
                Some(before) if before == after => Step::Unchanged(before.id),
                Some(before) => {
                    after.touch(Some(self.by), self.now);
                    Step::Changed { before, after }
                }
            };
            (line, step)
        });
        Plan { lines, steps: steps.collect(), errors: self.errors }
    }
}
