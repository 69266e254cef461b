//! Finds similar texts with an index of 205 MB, which takes seconds to build and then stays in
//! memory. Edit the code below, such as the ranking or the output, and run it again:
//!
//! ```text
//! cargo kt run --example similar_texts "painters sing by a river"
//! ```

use std::time::{Duration, Instant};
use std::{env, sync::OnceLock, thread};

const DIMENSIONS: usize = 256;
/// A word of each list makes a text: 200,000 texts.
const WHO: &str = "painter sailor baker farmer teacher singer driver doctor lawyer dancer hunter writer miner weaver tailor barber waiter pilot nurse clerk";
const DOES: &str = "sings sleeps waits dreams argues laughs works reads dances whistles travels rests cooks runs swims writes listens stumbles hides trades";
const PLACE: &str = "river harbor station market bridge forest castle garden library tower village island mountain desert valley lighthouse museum bakery theater factory school chapel quarry meadow canal";
const TIME: &str = "morning midnight noon dusk dawn winter spring summer autumn thunder snowfall sunshine moonlight harvest holiday Monday Friday wartime peacetime rain";

/// A vector of length 1 for each text, all in one list.
#[kt::state]
static INDEX: OnceLock<Vec<f32>> = OnceLock::new();

/// The best texts and their similarity, the duration, and whether the index was in memory.
#[kt::remote]
fn search(query: String) -> (Vec<(f32, String)>, Duration, bool) {
    let (started, warm) = (Instant::now(), INDEX.get().is_some());
    let (index, query) = (INDEX.get_or_init(build), embed(&query));
    let similarity = |vector: &[f32]| vector.iter().zip(&query).map(|(a, b)| a * b).sum::<f32>();
    let vectors = index.chunks_exact(DIMENSIONS).map(similarity);
    let mut ranked: Vec<(f32, usize)> = vectors.zip(0..).collect();
    ranked.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    let best = ranked.iter().take(5).map(|&(like, id)| (like, text(id)));
    (best.collect(), started.elapsed(), warm)
}

fn build() -> Vec<f32> {
    let mut index = vec![0.0; 200_000 * DIMENSIONS];
    thread::scope(|scope| {
        for (part, vectors) in index.chunks_mut(25_000 * DIMENSIONS).enumerate() {
            scope.spawn(move || {
                for (at, vector) in vectors.chunks_exact_mut(DIMENSIONS).enumerate() {
                    vector.copy_from_slice(&embed(&text(part * 25_000 + at)));
                }
            });
        }
    });
    index
}

fn text(mut id: usize) -> String {
    let [who, does, place, time] = [WHO, DOES, PLACE, TIME].map(|words| {
        let count = words.split(' ').count();
        let word = words.split(' ').nth(id % count).unwrap_or_default();
        id /= count;
        word
    });
    format!("the {who} {does} at the {place} in the {time}")
}

/// Texts with many common trigrams have similar vectors.
fn embed(text: &str) -> [f32; DIMENSIONS] {
    let mut vector = [0.0; DIMENSIONS];
    for run in text.as_bytes().windows(3) {
        let hash = run.iter().fold(5381_usize, |hash, &letter| {
            (hash * 33) ^ usize::from(letter)
        });
        vector[hash % DIMENSIONS] += 1.0;
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1.0);
    vector.map(|x| x / length)
}

#[tokio::main]
async fn main() -> Result<(), kt::Error> {
    let query = env::args()
        .nth(1)
        .unwrap_or_else(|| "painters sing by a river".into());
    let (best, took, warm) = search(query).await?;
    best.iter()
        .for_each(|(like, text)| println!("{like:.2} {text}"));
    let index = ["Cold: the index was built", "Warm: the index was in memory"][usize::from(warm)];
    println!("{index}, it took {took:.1?}.");
    Ok(())
}
