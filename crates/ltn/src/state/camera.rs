//! For tests: what a power cut would leave of a state directory, after each step that is taken in
//! it.
//!
//! The disk keeps what was synced. Of what was done since, it keeps all, nothing, or what was
//! written only in part; nothing that counts before all of it is there (`making`) is whole then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::directory::{MAKING, NEW};
use super::testing::Place;

/// The files of a directory and what is in them.
pub(crate) type Picture = BTreeMap<String, Vec<u8>>;

/// The pictures of one directory.
#[derive(Debug, Default)]
struct Film {
    synced: Picture,
    pictures: Vec<Picture>,
}

static FILMS: Mutex<BTreeMap<PathBuf, Film>> = Mutex::new(BTreeMap::new());

fn films() -> MutexGuard<'static, BTreeMap<PathBuf, Film>> {
    FILMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From here on pictures are taken of this directory.
pub(crate) fn watch(place: &Place) {
    let path = place.path().canonicalize().unwrap();
    let synced = picture_of(&path);
    films().insert(path, Film { synced, pictures: Vec::new() });
}

/// What there is to be seen so far, the first one first.
pub(crate) fn pictures(place: &Place) -> Vec<Picture> {
    let path = place.path().canonicalize().unwrap();
    let mut pictures = films().get(&path).unwrap().pictures.clone();
    pictures.dedup();
    pictures
}

/// A directory as it was on this picture.
pub(crate) fn laid_out(picture: &Picture) -> Place {
    let place = Place::new();
    for (name, bytes) in picture {
        let file = place.path().join(name);
        fs::write(&file, bytes).unwrap();
        super::directory::set_private(&file, 0o600).unwrap();
    }
    place
}

/// A step was taken in this directory. Is all of it safe now?
pub(super) fn step(path: &Path, synced: bool) {
    let mut films = films();
    let Some(film) = films.get_mut(path) else { return };
    let now = picture_of(path);
    let in_part = in_part(&film.synced, &now);
    film.pictures.extend([film.synced.clone(), in_part, now.clone()]);
    if synced {
        film.synced = now;
    }
}

/// What was written since is there by half, where nobody waited for it.
fn in_part(synced: &Picture, now: &Picture) -> Picture {
    let making = synced.contains_key(MAKING) && now.contains_key(MAKING);
    let half = |(name, bytes): (&String, &Vec<u8>)| {
        let is_new = synced.get(name) != Some(bytes);
        let loose = is_new && name != MAKING && (making || name.ends_with(NEW));
        let length = if loose { bytes.len() / 2 } else { bytes.len() };
        (name.clone(), bytes[..length].to_vec())
    };
    now.iter().map(half).collect()
}

fn picture_of(path: &Path) -> Picture {
    let mut picture = Picture::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let name = entry.file_name().into_string().unwrap();
            picture.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    picture
}
