//! `hostile`: what honest clients notice of an attack, how much memory the server takes under it, and how soon it is over.
//! The attacks are those of the tests; here they last longer, and a clock runs. Clients, attack and server share the
//! cores, so what honest clients notice is in part what the attack takes from them by itself: the CPU is said beside it.

mod honest;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use self::honest::{Noticed, notice, wait_for_recovery};
use super::served::{make_key, serve};
use crate::attack::{CASES, Case, Scene, Tally, attack};
use crate::cost::{cpu_time, cpu_time_of, peak};
use crate::place::{Place, application, create_application, runtime};
use crate::programs::Programs;
use crate::rounds::{Goal, Outcome, Pace, Round};
use crate::server::Server;

/// Below this nobody notices: the goal is twice what an idle server takes, and 20 ms are always good enough.
const FLOOR_MS: f64 = 10.0;
/// Below this a recovery is none.
const AT_ONCE: f64 = 0.1;

pub(super) fn measure(programs: &Programs, place: &Place, pace: Pace, only: &str) -> Result<Vec<Outcome>> {
    runtime()?.block_on(async {
        let custodian = place.found().await?;
        create_application(&custodian).await?;
        custodian.close().await;
        anyhow::Ok(())
    })?;
    let make = || make_key(programs, place, &["--role", "admin"]);
    let (token, stolen) = (make()?, make()?);
    let start = || {
        let mut program = serve(programs, place);
        // What each key is rationed to would hide what the server can take.
        program.args(["--key-rate", "0"]);
        let server = Server::start(program)?;
        let application = application()?.as_str().to_owned();
        let scene =
            Scene { server: server.address(), token: token.clone(), stolen: stolen.clone(), application };
        anyhow::Ok((server, scene))
    };
    let (server, scene) = start()?;
    scene.furnish().context("furnish the scene")?;
    server.stop()?;
    let mut outcomes = Vec::new();
    let mut rates = BTreeMap::new();
    for case in CASES.iter().filter(|case| case.name.contains(only)) {
        let hold = || {
            let (server, scene) = start()?;
            let duel = Duel::hold(&server, &scene, *case, pace.round)?;
            eprintln!("  {}: {}", case.name, duel.say());
            server.stop()?;
            anyhow::Ok(duel)
        };
        let duels = (0..pace.rounds).map(|_| hold()).collect::<Result<Vec<_>>>();
        let duels = duels.with_context(|| case.name)?;
        outcomes.extend(judge(*case, &duels, pace));
        rates.insert(case.name, duels.iter().map(Duel::micros_each).collect::<Vec<_>>());
    }
    outcomes.extend(goodput(&rates));
    Ok(outcomes)
}

/// One attack on one server.
struct Duel {
    idle: Noticed,
    attacked: Noticed,
    tally: Tally,
    lasted: Duration,
    /// Of the server, and of this process, while the attack lasted.
    cpu: [Duration; 2],
    /// MiB, before the attack and ever.
    memory: [f64; 2],
    recovery: Duration,
}

impl Duel {
    fn hold(server: &Server, scene: &Scene, case: Case, lasts: Duration) -> Result<Self> {
        let idle = notice(scene, lasts);
        let before = (cpu_time_of(server.id())?, cpu_time()?, peak(server.id())?);
        let begin = Instant::now();
        let is_over = AtomicBool::new(false);
        let (attacked, tally) = std::thread::scope(|scope| {
            let attacking = scope.spawn(|| attack(case, scene, &is_over));
            let attacked = notice(scene, lasts);
            is_over.store(true, Ordering::Relaxed);
            (attacked, attacking.join())
        });
        let lasted = begin.elapsed();
        let cpu = [cpu_time_of(server.id())? - before.0, cpu_time()? - before.1];
        let good = Duration::from_secs_f64(2.0 * idle.p99().max(FLOOR_MS) / 1e3);
        let recovery = wait_for_recovery(scene, good).context("wait until the server has recovered")?;
        let tally = tally.ok().context("attack")?;
        Ok(Self { idle, attacked, tally, lasted, cpu, memory: [before.2, peak(server.id())?], recovery })
    }

    /// For each request of the attack that got what it asked for.
    fn micros_each(&self) -> f64 {
        let good = self.tally.answers.get(&200).copied().unwrap_or_default();
        self.lasted.as_secs_f64() * 1e6 / good as f64
    }

    fn say(&self) -> String {
        let Tally { connections, open, bytes, answers, retry_after } = &self.tally;
        let share = |cpu: Duration| 100.0 * cpu.as_secs_f64() / self.lasted.as_secs_f64();
        format!(
            "honest idle {}; attacked {}; memory {:.0} → {:.0} MiB; recovered in {:.2} s; CPU server {:.0} %, clients {:.0} %; \
             attack: {connections} connections, {open} at once, {:.1} MB sent, answers {answers:?}, {retry_after} with Retry-After",
            self.idle,
            self.attacked,
            self.memory[0],
            self.memory[1],
            self.recovery.as_secs_f64(),
            share(self.cpu[0]),
            share(self.cpu[1]),
            *bytes as f64 / 1e6,
        )
    }
}

/// Three outcomes: what was noticed, what it took, and when it was over.
fn judge(case: Case, duels: &[Duel], pace: Pace) -> [Outcome; 3] {
    let details: Vec<_> = duels.iter().map(Duel::say).collect();
    let rows = |subject: fn(&Duel) -> f64, ceiling: fn(&Duel) -> f64| -> Vec<Round> {
        let round = |duel: &Duel| Round {
            subject: subject(duel),
            ceilings: vec![ceiling(duel)],
            cpu: Some(duel.cpu[0].as_secs_f64() * 1e6),
            fsyncs: None,
        };
        duels.iter().map(round).collect()
    };
    let outcome = |work, unit, ceiling, goal, rounds| Outcome {
        work,
        params: json!({"case": case.name, "seconds": pace.round.as_secs(), "rounds": details}),
        unit,
        subject: case.name,
        ceiling: vec![ceiling],
        beside: Vec::new(),
        goal: Some(goal),
        most_fsyncs: None,
        rounds,
    };
    [
        outcome(
            "honest p99",
            "ms",
            "idle (10 ms at least)",
            Goal::Times(2.0),
            rows(|duel| duel.attacked.p99(), |duel| duel.idle.p99().max(FLOOR_MS)),
        ),
        outcome(
            "peak memory",
            "MiB",
            "before it",
            Goal::Figure(256.0),
            rows(|duel| duel.memory[1], |duel| duel.memory[0]),
        ),
        outcome(
            "recovery",
            "s",
            "0.1 s",
            Goal::Figure(5.0),
            rows(|duel| duel.recovery.as_secs_f64().max(AT_ONCE), |_| AT_ONCE),
        ),
    ]
}

/// What is still done of far too much, beside the most that can be done; none where one of them was left out.
fn goodput(micros: &BTreeMap<&str, Vec<f64>>) -> Option<Outcome> {
    const FULL: &str = "as_many_requests_as_it_takes";
    const OVER: &str = "ten_times_too_many_requests";
    let rounds = micros.get(OVER)?.iter().zip(micros.get(FULL)?);
    let round =
        |(over, full): (&f64, &f64)| Round { subject: *over, ceilings: vec![*full], cpu: None, fsyncs: None };
    Some(Outcome {
        work: "goodput",
        params: json!({"case": OVER}),
        unit: "µs",
        subject: OVER,
        ceiling: vec![FULL],
        beside: Vec::new(),
        goal: Some(Goal::Share(0.9)),
        most_fsyncs: None,
        rounds: rounds.map(round).collect(),
    })
}
