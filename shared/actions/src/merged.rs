//! One list of several, such as of the orders that a person made signed in and as a guest.

use store::Listing;

/// The first `limit` items of all pages together, the highest key first, as one page.
///
/// Each page is the beginning of its own list, in that order, after the same cursor; its `last` is
/// the key up to which it was read. What lies below the `last` of any page waits for the next page:
/// something of that list may come before it.
pub(crate) fn merged<T>(pages: Vec<Listing<T>>, limit: u16, key: impl Fn(&T) -> String) -> Listing<T> {
    let read_to = pages.iter().filter_map(|page| page.last.clone()).max();
    let is_known = |item: &T| read_to.as_ref().is_none_or(|end| key(item) >= *end);
    let mut items: Vec<T> = pages.into_iter().flat_map(|page| page.items).filter(is_known).collect();
    items.sort_by_key(|item| std::cmp::Reverse(key(item)));
    let cut = items.len() > usize::from(limit);
    items.truncate(limit.into());
    let last = if cut { items.last().map(&key) } else { read_to };
    Listing { items, last }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A page of a list as the table gives it: of at most `limit` items, possibly fewer, because a
    /// page also ends at a size in bytes.
    fn page(list: &BTreeSet<String>, after: Option<&str>, limit: usize, fits: usize) -> Listing<String> {
        let rest: Vec<&String> =
            list.iter().rev().filter(|key| after.is_none_or(|after| key.as_str() < after)).collect();
        let read = limit.min(fits.max(1));
        let items: Vec<String> = rest.iter().take(read).map(|key| (*key).clone()).collect();
        // The table says where it stopped also if nothing follows.
        let last = (items.len() == read).then(|| items.last().cloned()).flatten();
        Listing { items, last }
    }

    fn keys() -> impl Strategy<Value = BTreeSet<String>> {
        proptest::collection::btree_set("O#[a-f0-9]{3}", 0..40)
    }

    /// All keys, the highest first.
    fn union(own: &BTreeSet<String>, as_guest: &BTreeSet<String>) -> Vec<String> {
        let all: BTreeSet<&String> = own.union(as_guest).collect();
        all.into_iter().rev().cloned().collect()
    }

    proptest! {
        #[test]
        fn the_pages_together_are_the_sorted_union(
            own in keys(), as_guest in keys(), limit in 1_u16..12, fits in proptest::collection::vec(1_usize..9, 200),
        ) {
            let as_guest: BTreeSet<String> = as_guest.difference(&own).cloned().collect();
            let all: Vec<String> = union(&own, &as_guest);
            let (mut seen, mut after, mut fits) = (Vec::new(), None::<String>, fits.into_iter().cycle());
            for _ in 0..200 {
                let pages = [&own, &as_guest]
                    .map(|list| page(list, after.as_deref(), limit.into(), fits.next().expect("endless")));
                let merged = merged(pages.into(), limit, String::clone);
                prop_assert!(merged.items.len() <= usize::from(limit));
                seen.extend(merged.items);
                // Each next page begins after what is known.
                prop_assert!(merged.last.is_none() || after.is_none() || merged.last < after);
                after = merged.last;
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(after, None, "the list has an end");
            prop_assert_eq!(seen, all);
        }

        #[test]
        fn any_page_is_the_next_part_of_the_union(
            own in keys(), as_guest in keys(), limit in 1_u16..12, after in proptest::option::of("O#[a-f0-9]{3}"),
        ) {
            let as_guest: BTreeSet<String> = as_guest.difference(&own).cloned().collect();
            let mut rest = union(&own, &as_guest);
            rest.retain(|key| after.as_ref().is_none_or(|after| key < after));
            let pages = [&own, &as_guest].map(|list| page(list, after.as_deref(), limit.into(), usize::MAX));
            let merged = merged(pages.into(), limit, String::clone);
            prop_assert_eq!(&merged.items[..], &rest[..rest.len().min(limit.into())]);
        }
    }
}
