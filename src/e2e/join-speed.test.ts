import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetchPage, type Page, startPage } from '../testing/page.ts'
import { createTunnelLab, inboundPort, type TunnelLab } from '../testing/tunnel-lab.ts'

// A join that returned is usable: nothing below tries twice. The times are told, not judged.

let lab: TunnelLab
let page: Page

before(async () => {
  ;[page, lab] = await Promise.all([startPage('hello'), createTunnelLab()])
})

after(async () => {
  await lab[Symbol.asyncDispose]()
  await page[Symbol.asyncDispose]()
})

test('an endpoint that joined dials an existing service at the first try', async t => {
  await lab.run('home', 'tunnel', 'open', 'outbound', 'tcp/web', '--targets', page.at)
  await lab.startAgent('late')
  await lab.run('late', 'join', 'home', '--as', 'late', '--permit', lab.permit)
  const joinedMs = performance.now()
  await lab.run('late', 'tunnel', 'open', 'inbound', 'tcp/web', '--listen', '127.0.0.1:0')
  const port = await inboundPort(lab, 'late', 'tcp/web')
  const openMs = performance.now()
  assert.equal(await fetchPage(port), 'hello')
  const now = performance.now()
  t.diagnostic(`from join to first byte: ${ms(now - joinedMs)}, of which the fetch: ${ms(now - openMs)}`)
})

test('a service of an endpoint that joined is reached at the first try by an inbound that waited for it', async t => {
  await lab.startAgent('new')
  await lab.run('work', 'tunnel', 'open', 'inbound', 'tcp/new', '--listen', '127.0.0.1:0')
  const port = await inboundPort(lab, 'work', 'tcp/new')
  await assert.rejects(fetchPage(port), 'nobody hosts it yet')
  await lab.run('new', 'join', 'home', '--as', 'new', '--permit', lab.permit)
  const joinedMs = performance.now()
  await lab.run('new', 'tunnel', 'open', 'outbound', 'tcp/new', '--targets', page.at)
  const openMs = performance.now()
  assert.equal(await fetchPage(port), 'hello')
  const now = performance.now()
  t.diagnostic(`from join to first byte: ${ms(now - joinedMs)}, of which the fetch: ${ms(now - openMs)}`)
})

test('an endpoint that joins once more keeps its tunnels, and they work at the first try', async t => {
  await lab.startAgent('back')
  const join = () => lab.run('back', 'join', 'home', '--as', 'back', '--permit', lab.permit)
  const open = () => lab.run('back', 'tunnel', 'open', 'outbound', 'tcp/back', '--targets', page.at)
  await join()
  await open()
  await lab.run('work', 'tunnel', 'open', 'inbound', 'tcp/back', '--listen', '127.0.0.1:0')
  const port = await inboundPort(lab, 'work', 'tcp/back')
  assert.equal(await fetchPage(port), 'hello')
  await join()
  const joinedMs = performance.now()
  assert.equal(await fetchPage(port), 'hello')
  t.diagnostic(`from the second join to the first byte: ${ms(performance.now() - joinedMs)}`)
})

test('an agent that joins as it starts is usable when it says it is up', async () => {
  const words = ['--join', 'home', '--join-as', 'starter', '--permit', lab.permit]
  await lab.startAgent('starter', { args: words })
  assert.match(await lab.run('starter', 'ping', 'ep', 'home', '-c', '1'), /1 received/)
  assert.match(await lab.run('work', 'ping', 'ep', 'starter', '-c', '1'), /1 received/)
})

function ms(span: number): string {
  return `${Math.round(span)} ms`
}
