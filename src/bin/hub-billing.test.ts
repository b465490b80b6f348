import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { startCommerceServer } from '../testing/commerce-server.ts'
import { assertRefused } from '../testing/refusal.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { hubBilling } from './hub-billing.ts'

test('hubBilling() reads the token for Commerce anew for each request', async () => {
  using folder = makeScratchFolder()
  await using server = await startCommerceServer({ file: folder.file('commerce.db') })
  const tokenFile = folder.file('token')
  writeFileSync(tokenFile, 'old\n')
  const { commerce, recheckMs } = await hubBilling({ url: server.url, tokenFile, unit: 'cents' })
  using _ = commerce
  assert.equal(recheckMs, 300_000)
  const question = { service: 'tcp/web', user: 'bob' }
  await assertRefused(commerce.balance(question), 'billing-failed', /401/)
  writeFileSync(tokenFile, 'mesh-token\n')
  // Ten of what this server takes for units are ten cents.
  assert.equal((await commerce.balance(question)).available, 100_000)
})

test('hubBilling() is refused without a token, and for an address that is not safe', async () => {
  using folder = makeScratchFolder()
  const url = 'https://commerce.example'
  await assertRefused(
    hubBilling({ url, tokenFile: folder.file('none') }),
    'bad-usage',
    /Cannot read the token/,
  )
  if (process.env.ZTM_COMMERCE_TOKEN === undefined)
    await assertRefused(hubBilling({ url }), 'bad-usage', /--commerce-token-file/)
  writeFileSync(folder.file('token'), 'x')
  const unsafe = { url: 'http://commerce.example', tokenFile: folder.file('token') }
  await assertRefused(hubBilling(unsafe), 'bad-input', /https/)
})
