//! Which Python package index this machine uses, as pip would: its variables, then its configuration files.

use std::path::{Path, PathBuf};

const PUBLIC_INDEX: &str = "https://pypi.org/simple";

/// What of pip's configuration matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PipSettings {
    /// Address of the simple API, without a slash at the end.
    pub index: String,
    /// A file of certificate authorities to trust instead of the system's.
    pub certificates: Option<PathBuf>,
}

impl PipSettings {
    /// As this process finds it.
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        Self::from(variable, |path| std::fs::read_to_string(path).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>, read: impl Fn(&Path) -> Option<String>) -> Self {
        let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let files = files(&given);
        let configured = |key: &str| {
            files
                .iter()
                .filter_map(|file| option(&read(file)?, key))
                .next_back()
        };
        let index = given("PIP_INDEX_URL").or_else(|| configured("index-url"));
        let index = index.unwrap_or_else(|| PUBLIC_INDEX.to_owned());
        let certificates = given("PIP_CERT").or_else(|| configured("cert"));
        Self {
            index: index.trim().trim_end_matches('/').to_owned(),
            certificates: certificates.map(|path| PathBuf::from(path.trim())),
        }
    }
}

/// The configuration files that pip reads on Unix, the strongest last.
fn files(variable: &impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let own = variable("PIP_CONFIG_FILE").map(PathBuf::from);
    if own.as_deref() == Some(Path::new("/dev/null")) {
        return Vec::new();
    }
    let home = variable("HOME").map(PathBuf::from);
    let user = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let user = user.or_else(|| Some(home.as_ref()?.join(".config")));
    let environment = variable("VIRTUAL_ENV").map(PathBuf::from);
    let mut files = vec![
        PathBuf::from("/etc/xdg/pip/pip.conf"),
        PathBuf::from("/etc/pip.conf"),
    ];
    files.extend(home.map(|home| home.join(".pip/pip.conf")));
    files.extend(user.map(|user| user.join("pip/pip.conf")));
    files.extend(environment.map(|environment| environment.join("pip.conf")));
    files.extend(own);
    files
}

/// An option of an INI file's sections `[global]` and `[download]`, the latter stronger.
fn option(text: &str, wanted: &str) -> Option<String> {
    let (mut section, mut global, mut download) = ("", None, None);
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim();
        } else if let Some((key, value)) = line.split_once(['=', ':'])
            && !line.starts_with(['#', ';'])
            && key.trim().to_lowercase().replace('_', "-") == wanted
        {
            match section {
                "global" => global = Some(value.trim().to_owned()),
                "download" => download = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    download.or(global)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn settings(variables: &[(&str, &str)], files: &[(&str, &str)]) -> PipSettings {
        let variables: HashMap<&str, &str> = variables.iter().copied().collect();
        let files: HashMap<&Path, &str> = files
            .iter()
            .map(|(path, text)| (Path::new(*path), *text))
            .collect();
        PipSettings::from(
            |name| variables.get(name).map(|value| (*value).to_owned()),
            |path| files.get(path).map(|text| (*text).to_owned()),
        )
    }

    #[test]
    fn nothing_said_means_the_public_index() {
        let found = settings(&[("HOME", "/h"), ("PIP_INDEX_URL", " ")], &[]);
        assert_eq!((found.index.as_str(), found.certificates), (PUBLIC_INDEX, None));
    }

    #[test]
    fn variables_beat_files_and_later_files_beat_earlier_ones() {
        let files = [
            (
                "/etc/pip.conf",
                "[global]\nindex-url = http://system/simple\ncert = /ca.pem\n",
            ),
            (
                "/h/.config/pip/pip.conf",
                "# mine\n[install]\nindex-url = http://no\n[global]\nindex_url: http://user/simple/\n",
            ),
        ];
        let found = settings(&[("HOME", "/h")], &files);
        assert_eq!(found.index, "http://user/simple");
        assert_eq!(found.certificates, Some(PathBuf::from("/ca.pem")));
        let variables = [
            ("HOME", "/h"),
            ("PIP_INDEX_URL", "http://variable/simple"),
            ("PIP_CERT", "/own.pem"),
        ];
        let found = settings(&variables, &files);
        assert_eq!(found.index, "http://variable/simple");
        assert_eq!(found.certificates, Some(PathBuf::from("/own.pem")));
        let found = settings(&[("HOME", "/h"), ("PIP_CONFIG_FILE", "/dev/null")], &files);
        assert_eq!(found.index, PUBLIC_INDEX);
    }

    #[test]
    fn a_named_file_is_strongest_and_its_own_section_too() {
        let text = "[download]\nindex-url=http://download/simple\n[global]\nindex-url=http://global/simple\n";
        let found = settings(&[("PIP_CONFIG_FILE", "/own.conf")], &[("/own.conf", text)]);
        assert_eq!(found.index, "http://download/simple");
    }
}
