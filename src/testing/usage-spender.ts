import { createBilling } from '../sdk/billing/create-billing.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { until } from './until.ts'

// A program that is killed: dials, transfers, and says so. argv: Commerce's URL, file of the spool, "closed" or "open".

const [url = '', file = '', state] = process.argv.slice(2)
const spool = await openSqliteStore(file)
const billing = await createBilling({
  commerceUrl: url,
  token: async () => 'user:bob',
  spool,
  log: { debug() {}, info() {}, warn() {}, error() {} },
  recheckMs: 20,
})
const metered = billing.open({ service: 'tcp/web', sessionId: 's1', streamId: 'a' }, () => {})
metered.sent(1_000)
metered.received(2_000)
if (state === 'closed') await metered.close()
// Open ones are in the spool after the next look at the balance.
else await until(async () => (await spool.list('usage/')).length > 0, 'it is in the spool')
process.stdout.write('ready\n')
setInterval(() => {}, 1_000)
