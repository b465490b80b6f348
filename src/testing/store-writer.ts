// A process to be killed: `node store-writer.ts FILE SEED START`. It opens the store, writes the changes that
// `store-changes.ts` makes of SEED from number START on, some at a time, and says the number of each on stdout, one a
// line, once the store promised that it will last. Imports only what it needs: it is started a thousand times.
import { writeSync } from 'node:fs'

import { openSqliteStore } from '../store/sqlite-store.ts'
import { changeAt, MAX_IN_FLIGHT } from './store-changes.ts'

const [file = '', seed = '', start = ''] = process.argv.slice(2)

say('opening')
// A small log, so that kills also fall into the moments when it moves into the file.
const store = await openSqliteStore(file, { checkpointPages: 20 })
say('open')
for (let index = Number(start); ; ) {
  const inFlight: Promise<void>[] = []
  const count = 1 + (index % MAX_IN_FLIGHT)
  for (const end = index + count; index < end; index += 1) inFlight.push(write(index))
  await Promise.all(inFlight)
}

async function write(index: number): Promise<void> {
  const { key, value } = changeAt(Number(seed), index)
  await (value === undefined ? store.delete(key) : store.put(key, value))
  say(String(index))
}

/** Straight into the pipe: what is said counts, even if the next thing that happens is the kill. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}
