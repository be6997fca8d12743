//! The functions as Lambda runs them: their own binaries, in processes that come
//! and go.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use boot::BootError;
use cloud::lambda::Registry;
use serde_json::Value;

use crate::runtime_api::{Invocation, Lambda, LambdaError, binary};

/// All functions, as the binaries that `cargo build` left beside this test.
///
/// # Errors
/// If a binary is not there, or older than its sources; the error says what to do.
pub fn binaries() -> Result<Registry, LambdaError> {
    let mut registry = Registry::new();
    for name in local::functions::registry().names() {
        let binary = fresh_binary(name)?;
        registry = registry.program(name, move |boot| {
            let variables = boot.env.iter().map(|(name, value)| (name.clone(), value.clone()));
            let environments = Arc::new(Environments {
                binary: binary.clone(),
                variables: variables.collect(),
                idle: Mutex::default(),
            });
            Ok(Arc::new(move |event| {
                let environments = Arc::clone(&environments);
                Box::pin(async move { environments.invoke(&event).await })
            }))
        });
    }
    Ok(registry)
}

/// The execution environments of one function: as many as its invocations ever
/// overlapped, each with one invocation at a time.
struct Environments {
    binary: PathBuf,
    variables: Vec<(String, String)>,
    idle: Mutex<Vec<Lambda>>,
}

impl Environments {
    async fn invoke(&self, event: &Value) -> Result<Value, BootError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut environment = match idle {
            Some(environment) => environment,
            None => Lambda::start(&self.binary, self.variables.iter().cloned()).await?,
        };
        // A caller that stops waiting here drops the environment, which ends its process: it must not
        // get another event while it handles this one.
        let Invocation { answer, .. } = environment.invoke(event).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(environment);
        answer.map_err(|error| error.to_string().into())
    }
}

/// The binary of a function, not older than its sources: `cargo test` alone does not build it, and an
/// old binary would test old code.
///
/// # Errors
/// If it is not there, or was made before one of its sources was changed.
pub fn fresh_binary(name: &str) -> Result<PathBuf, LambdaError> {
    let binary = binary(name)?;
    let made = fs::metadata(&binary)?.modified()?;
    // Cargo lists the sources of a binary, those in other crates of the workspace included, in a
    // makefile beside it.
    let list = binary.with_extension("d");
    let rules = fs::read_to_string(&list).map_err(|_| LambdaError::NotBuilt(list))?;
    match sources(&rules).find(|source| last_change(source).is_some_and(|at| at > made)) {
        Some(changed) => Err(LambdaError::Outdated { binary, changed }),
        None => Ok(binary),
    }
}

/// When a file was changed; `None` if it is gone, because then the file that named it was changed as
/// well.
fn last_change(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// The prerequisites in a makefile with one rule. Blanks in names are escaped.
fn sources(rules: &str) -> impl Iterator<Item = PathBuf> {
    let (_, sources) = rules.split_once(": ").unwrap_or_default();
    let mut names = vec![String::new()];
    let mut characters = sources.trim_end().chars();
    while let Some(character) = characters.next() {
        match (character, names.last_mut()) {
            (' ' | '\n', _) => names.push(String::new()),
            ('\\', Some(name)) if characters.as_str().starts_with(' ') => name.extend(characters.next()),
            (_, Some(name)) => name.push(character),
            (_, None) => {}
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_from_cargos_list() {
        let list = "/house/target/debug/auth: /house/auth/src/lib.rs /my\\ house/src/main.rs\n";
        let names: Vec<PathBuf> = sources(list).collect();
        assert_eq!(names, [Path::new("/house/auth/src/lib.rs"), Path::new("/my house/src/main.rs")]);
        assert_eq!(sources("nonsense").count(), 0);
    }
}
