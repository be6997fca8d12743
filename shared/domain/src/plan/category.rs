//! The categories of a plan that the areas of an event sell.

use std::collections::HashSet;

use crate::AreaId;
use crate::event::Area;

/// The category that each area sells: its own if it has one, else its name; each a different one.
///
/// An area gets its own when a plan is published, so that a new name does not take its seats away.
pub fn categories(areas: &[Area]) -> Vec<(AreaId, String)> {
    let mut taken: HashSet<String> = areas.iter().filter_map(|area| area.category.clone()).collect();
    let mut given = HashSet::new();
    let category = |area: &Area| {
        if let Some(own) = area.category.clone().filter(|own| !given.contains(own)) {
            given.insert(own.clone());
            return (area.id, own);
        }
        let name = &area.area_name;
        let others = (2_u32..).map(|n| format!("{name} {n}"));
        let mut free = std::iter::once(name.clone()).chain(others).filter(|name| !taken.contains(name));
        let free = free.next().unwrap_or_default();
        taken.insert(free.clone());
        (area.id, free)
    };
    areas.iter().map(category).collect()
}
