// A process for the tests of logs: `node log-talker.ts FILE`. It logs three events to FILE and to stderr, the last of
// them after its stderr may have been closed, then says `done` on stdout.
import { writeSync } from 'node:fs'

import { ms } from '../core/model/time.ts'
import { openLogFile } from '../store/log-file.ts'

const at = ms(new Date(2026, 10, 20, 19, 22, 1).getTime())
const [file = ''] = process.argv.slice(2)

await using log = openLogFile({ file, alsoTo: 'stderr-pretty', clock: { now: () => at } })
log.info('link.opened', { peer: 'bob', rttMs: 3 })
log.debug('link.ping', { rttMs: 3 })
log.warn('link.closed', { reason: 'line one\nline \u001b[31mtwo', token: 'abc' })
writeSync(1, 'done\n')
