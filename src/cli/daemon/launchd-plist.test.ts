import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatLaunchdPlist, launchdLabel } from './launchd-plist.ts'
import type { ServicePlan } from './plan.ts'

const PLAN: ServicePlan = {
  role: 'agent',
  program: ['/opt/ztm/ztm'],
  options: [],
  dataFolder: '/Users/ann/.ztm',
  owner: { name: 'ann', uid: 501, gid: 20, homeFolder: '/Users/ann' },
}

test('formatLaunchdPlist() runs a daemon from boot as its owner, or from log-in', () => {
  const system = formatLaunchdPlist(PLAN, 'system')
  assert.equal(stringAfter(system, 'Label'), launchdLabel('agent'))
  assert.equal(stringAfter(system, 'UserName'), 'ann')
  assert.equal(stringAfter(system, 'StandardErrorPath'), '/Users/ann/.ztm/ztm-agent.out')
  assert.match(system, /<key>RunAtLoad<\/key>\s*<true\/>/)
  assert.match(system, /<key>KeepAlive<\/key>\s*<dict>\s*<key>SuccessfulExit<\/key>\s*<false\/>/)
  assert.equal(stringAfter(formatLaunchdPlist(PLAN, 'user'), 'UserName'), undefined)
})

test('formatLaunchdPlist() keeps every word, whatever is in it', () => {
  const word = fc.string({ unit: fc.constantFrom(...'<>&"\'; a\u00e9\u3042]') }).filter(text => text !== '')
  fc.assert(
    fc.property(fc.array(word), options => {
      const list = /<array>(.*?)<\/array>/s.exec(formatLaunchdPlist({ ...PLAN, options }, 'user'))?.[1] ?? ''
      const words = [...list.matchAll(/<string>([^<>]*)<\/string>/g)].map(([, text = '']) =>
        unescapeXml(text),
      )
      assert.deepEqual(words, ['/opt/ztm/ztm', 'run', 'agent', '--data', '/Users/ann/.ztm', ...options])
    }),
  )
})

function stringAfter(plist: string, key: string): string | undefined {
  return new RegExp(`<key>${key}</key>\\s*<string>([^<]*)</string>`).exec(plist)?.[1]
}

function unescapeXml(text: string): string {
  assert.equal(/&(?!#\d+;)/.test(text), false)
  return text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
}
