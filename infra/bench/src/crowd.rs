//! The users of a benchmark.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::rc::Rc;

use futures::future::try_join_all;
use serde_json::Value;

use crate::Problem;
use crate::client::{BoxOffice, Person};

/// Users per network address: fewer than the limit of registrations from one address in a quarter
/// of an hour.
const HOUSEHOLD: usize = 50;
/// Concurrent registrations. Each costs the server a slow password hash.
const AT_ONCE: usize = 4;

/// The buyers of a benchmark. Orders are spread evenly over them: a real buyer rarely buys a
/// hundred times, and the box office reads a buyer's other orders.
pub(crate) struct Crowd(Vec<Rc<Person>>);

impl Crowd {
    /// Registers `size` users.
    pub(crate) async fn new(office: &Rc<BoxOffice>, size: usize) -> Result<Self, Problem> {
        let lanes = (0..AT_ONCE).map(|lane| async move {
            let mut people = Vec::with_capacity(size / AT_ONCE + 1);
            for number in (lane..size).step_by(AT_ONCE) {
                let email = format!("persona{number}@example.com");
                people.push(Rc::new(Person::new(office, email, address(number / HOUSEHOLD)).await?));
            }
            Ok::<_, Problem>(people)
        });
        Ok(Self(try_join_all(lanes).await?.into_iter().flatten().collect()))
    }

    /// The user who makes order number `turn` of buyer `buyer`, one of `buyers` concurrent ones. No
    /// two concurrent buyers share a user.
    pub(crate) fn person(&self, buyer: usize, buyers: usize, turn: usize) -> &Rc<Person> {
        let each = self.0.len() / buyers;
        &self.0[buyer * each + turn % each]
    }

    /// All orders of all users, by id.
    pub(crate) async fn orders(&self) -> Result<BTreeMap<String, (Rc<Person>, Value)>, Problem> {
        let mut all = BTreeMap::new();
        for person in &self.0 {
            for order in person.orders().await? {
                let id = order["id"].as_str().unwrap_or_default().to_owned();
                all.insert(id, (Rc::clone(person), order));
            }
        }
        Ok(all)
    }
}

/// The loopback address of a household; 127.0.0.0/8 is all this machine's.
fn address(household: usize) -> Ipv4Addr {
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    Ipv4Addr::new(127, 0, byte(1 + household / 250), byte(1 + household % 250))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_household_has_its_own_address() {
        assert_eq!(address(0), Ipv4Addr::new(127, 0, 1, 1));
        assert_eq!(address(249), Ipv4Addr::new(127, 0, 1, 250));
        assert_eq!(address(250), Ipv4Addr::new(127, 0, 2, 1));
    }
}
