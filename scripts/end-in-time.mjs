// Loaded into each test file's process before the file. A file whose tests have ended, and that goes on for long, has left
// something open, most often after a failed assertion: it is ended, with a word on which it was and what it left. So is
// one that the runner ends because its time is over; its own processes go with it.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { after } from 'node:test'

const graceMs = Number(process.env.ZTM_TEST_GRACE_MS ?? 60_000)
const file = relative(process.cwd(), process.argv[1] ?? 'a test file')

function end(why) {
  const open = Map.groupBy(process.getActiveResourcesInfo(), kind => kind)
  const left = [...open].map(([kind, all]) => `${all.length} ${kind}`).join(', ')
  process.stderr.write(`ended: ${file}: ${why}; open: ${left}\n`)
  endChildren()
  process.exit(1)
}

/** Whatever this process started, as far as the system tells. */
function endChildren() {
  let children = []
  try {
    children = readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1').split(' ').filter(Boolean)
  } catch {
    // Not on Linux.
  }
  for (const child of children) {
    try {
      process.kill(Number(child), 'SIGTERM')
    } catch {
      // Gone already.
    }
  }
}

// This hook runs before the file's own: they have their time within it.
after(() => {
  setTimeout(() => end(`it went on for ${graceMs / 1000} s after its tests`), graceMs).unref()
})
process.once('SIGTERM', () => end('its time was over'))
