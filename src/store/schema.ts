import type { DatabaseSync } from 'node:sqlite'

import { MeshError } from '../core/model/errors.ts'

/**
 * Bring a store's file to the newest schema: nothing to do, a new file, or one migration after the other.
 *
 * Each migration is one transaction with its version number, so that a kill between two leaves a file that the
 * next start goes on from. An up-to-date file is only read: a store opens on a full disk as far as SQLite does.
 *
 * @throws MeshError `unsupported` if a newer ztm wrote the file, `storage-failed` if it is another program's;
 *   SQLite's own errors
 */
export function migrate(db: DatabaseSync, file: string): void {
  let version = schemaVersion(db, file)
  while (version < MIGRATIONS.length) {
    db.exec('BEGIN IMMEDIATE')
    try {
      // Read again under the lock: another process may have been faster.
      version = schemaVersion(db, file)
      MIGRATIONS[version]?.(db)
      if (version < MIGRATIONS.length) version += 1
      db.exec(`PRAGMA user_version = ${version}`)
      db.exec('COMMIT')
    } catch (thrown) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw thrown
    }
  }
}

function schemaVersion(db: DatabaseSync, file: string): number {
  const owner = db.prepare('PRAGMA application_id').get()?.application_id
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  if (owner === APPLICATION_ID) {
    if (version <= MIGRATIONS.length) return version
    throw new MeshError(
      'unsupported',
      `Cannot open ${file}: schema ${version}, this ztm knows up to ${MIGRATIONS.length}: update ztm`,
    )
  }
  const tables = Number(db.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.count)
  if (owner === 0 && version === 0 && tables === 0) return 0
  throw new MeshError('storage-failed', `Cannot open ${file}: it belongs to another program: choose another`)
}

function createEntries(db: DatabaseSync): void {
  db.exec(`
    PRAGMA application_id = ${APPLICATION_ID};
    CREATE TABLE entry (
      key TEXT NOT NULL PRIMARY KEY,
      value TEXT NOT NULL,
      revision INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE head (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      revision INTEGER NOT NULL
    ) STRICT;
    INSERT INTO head VALUES (1, 0);
  `)
}

/** Number n brings a file from schema n to n + 1. Only ever append. */
const MIGRATIONS: readonly ((db: DatabaseSync) => void)[] = [createEntries]

// "ZTM1" in ASCII, at offset 68 of the file, where `file(1)` and SQLite look for the owner of a database.
const APPLICATION_ID = 0x5a544d31
