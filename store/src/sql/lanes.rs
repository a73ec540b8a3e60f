//! The table `lanes`: whose turn it is among jobs of the same priority (start-time fair queueing: Goyal, Vin and
//! Cheng 1996). A job's turn is that of its lane's newest job, or that of the job claimed last if this is later, and
//! its own cost: whoever adds ten thousand files gets one lane's share, not the first ten thousand turns.

use sqlx::Row as _;

use super::{Database, Transaction};
use crate::Result;

/// A file of more bytes takes turns in a lane of its own: the small files of a source don't wait for its large ones.
const LARGE_BYTES: u64 = 1 << 20;
/// What a file costs beside reading its bytes, in bytes.
const BYTES_PER_FILE: u64 = 64 << 10;
/// The lane that holds the turn of the job claimed last.
const CLAIMED: &str = "";

/// What a job is expected to cost, in units of about one small file.
pub fn cost(bytes: u64) -> i64 {
    1 + (bytes / BYTES_PER_FILE) as i64
}

fn lane(source: Option<&str>, bytes: u64) -> String {
    let size = if bytes > LARGE_BYTES { "large" } else { "small" };
    format!("{} {size}", source.unwrap_or("upload"))
}

impl Database {
    /// The turn of a job that is put into the queue now.
    pub(super) async fn take_turn(
        &self,
        transaction: &mut Transaction,
        source: Option<&str>,
        bytes: u64,
    ) -> Result<i64> {
        let row = sqlx::query(
            "insert into lanes (lane, turn) select $1, coalesce(max(turn), 0) + $2 from lanes where lane = $3 \
             on conflict (lane) do update set turn = $2 + case when lanes.turn > excluded.turn - $2 \
             then lanes.turn else excluded.turn - $2 end returning turn",
        )
        .bind(lane(source, bytes))
        .bind(cost(bytes))
        .bind(CLAIMED)
        .fetch_one(&mut **transaction)
        .await?;
        Ok(row.try_get(0)?)
    }

    /// From now on no lane's next turn is before this one.
    pub(super) async fn pass_turn(&self, transaction: &mut Transaction, turn: i64) -> Result<()> {
        sqlx::query(
            "insert into lanes (lane, turn) values ($1, $2) on conflict (lane) do update set turn = excluded.turn \
             where lanes.turn < excluded.turn",
        )
        .bind(CLAIMED)
        .bind(turn)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}
