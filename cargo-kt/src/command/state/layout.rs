//! Formats the layout of a state's type.

use kt::wire::state::StateInfo;

use crate::{
    layout::{self, Description, Role, Type},
    place::Connected,
    session::last_build::kt_dir,
    terminal::text::bytes,
};

/// Maximum number of types shown.
const MAX_TYPES: usize = 24;

/// The layout, or the size if the layout is unknown on this machine.
pub(super) fn of(connected: &Connected, state: &StateInfo) -> String {
    match described(connected, state) {
        Some(description) => text(&description),
        None => format!("{} ({})\n", state.type_tokens, bytes(state.size)),
    }
}

fn described(connected: &Connected, state: &StateInfo) -> Option<Description> {
    let (_, manifest) = connected.status.current.as_ref()?;
    let mut states = manifest.crates.iter().flat_map(|krate| &krate.states);
    let entry = states.find(|entry| entry.key == state.key)?;
    let fingerprint = entry.layout.as_deref()?;
    layout::description(&kt_dir(connected), fingerprint)
}

/// The type and the types in it, each with its parts and their offsets.
fn text(description: &Description) -> String {
    let mut text = String::new();
    // The first type is the attribute's wrapper of the initial value.
    let wrapper = |it: &Type| it.name.contains("::__KtInit<");
    let compound =
        |it: &&Type| !wrapper(it) && it.parts.iter().any(|part| part.role != Role::Parameter);
    let all: Vec<&Type> = description.types.iter().filter(compound).collect();
    for it in all.iter().take(MAX_TYPES) {
        let size = it.size.map(|size| format!(" ({})", bytes(size)));
        text += &format!("{}{}\n", it.name, size.unwrap_or_default());
        for part in it.parts.iter().filter(|part| part.role != Role::Parameter) {
            let offset = part.offset.map_or(String::new(), |it| it.to_string());
            let target = part.target.and_then(|index| description.types.get(index));
            let target = target.map_or("()", |target| &target.name);
            // Fields of tuples are `__0`, `__1` … in DWARF.
            let name = part.name.strip_prefix("__").unwrap_or(&part.name);
            let what = match (part.role, name) {
                (Role::Field, name) => format!("{name}: {target}"),
                (Role::Enumerator, name) => name.to_owned(),
                (Role::Element, _) => {
                    format!("{} × {target}", part.value.as_deref().unwrap_or("?"))
                }
                (Role::Variant, name) => format!("variant {name}"),
                (Role::Discriminant, _) => format!("discriminant: {target}"),
                _ => format!("→ {target}"),
            };
            text += &format!("{offset:>6}  {what}\n");
        }
    }
    if all.len() > MAX_TYPES {
        text += &format!("… and {} more types\n", all.len() - MAX_TYPES);
    }
    text
}
