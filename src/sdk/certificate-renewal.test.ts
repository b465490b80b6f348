import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../core/model/time.ts'
import { createRecordedLog } from '../testing/recorded-log.ts'
import { createSdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'

test('the certificate of a session is renewed over the link before it ends, for the same session', async () => {
  // By the clock of the program, this controller's certificates of 12 h end in 6 s.
  const clock = { now: () => ms(Date.now() - 43_200_000 + 6_000) }
  await using lab = await createSdkLab({ clock })
  const log = createRecordedLog()
  const identity = await lab.identity('program')
  const context = lab.context(identity, { log })
  const { id } = await context.authenticate()
  await until(() => log.events.some(({ event }) => event === 'certificate.renewed'), 'it is renewed')
  assert.equal((await context.session())?.id, id)
  assert.ok(!JSON.stringify(log.events).includes(identity.apiKey), 'a log holds no secret')
})
