import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openControllerRig } from '../../testing/controller-rig.ts'
import { codeOf, createEdgeClient, type EdgeAsk } from '../../testing/edge-client.ts'

interface Described {
  readonly paths: Record<string, Record<string, { summary: string; security?: unknown[] }>>
}

const ID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'

for (const api of ['client', 'management'] as const) {
  test(`every route of the ${api} API lets in whom it says, and nobody else`, async () => {
    await using rig = await openControllerRig()
    const edge = await createEdgeClient(rig)
    const document = (await edge.ask('GET', `/edge/${api}/v1/specs/edge-${api}/spec`)).body as Described
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { summary, security }]) => ({
        method: method.toUpperCase(),
        path: `/edge/${api}/v1${path.replace(/\{\w+\}/g, ID)}`,
        needs:
          security === undefined ? 'nothing' : summary.endsWith('(administrators)') ? 'admin' : 'session',
      })),
    )
    assert.ok(routes.length > 25, `only ${routes.length} routes`)
    const problems: string[] = []
    for (const { method, path, needs } of routes) {
      // Fresh ones each time: some routes end a login.
      const user = await edge.logIn(`user ${problems.length} ${method} ${path}`.slice(0, 120))
      const hasBody = method !== 'GET' && method !== 'DELETE'
      const body = hasBody ? { body: {} } : {}
      const askers: [string, EdgeAsk, boolean][] = [
        ['nobody', body, needs === 'nothing'],
        ['bad token', { ...body, token: 'x'.repeat(43) }, needs === 'nothing'],
        ['user', { ...body, token: user.token }, needs !== 'admin'],
        ['admin', { ...body, caller: edge.root.caller }, true],
      ]
      for (const [who, ask, mayEnter] of askers) {
        const answer = await edge.ask(method, path, ask)
        const code = codeOf(answer)
        const isOut = code === 'UNAUTHORIZED'
        if (isOut === mayEnter || answer.status >= 500)
          problems.push(`${method} ${path}: ${who}: ${answer.status} ${code}`)
        if (isOut !== answer.headers.has('www-authenticate') && code !== 'INVALID_AUTH') {
          problems.push(`${method} ${path}: ${who}: www-authenticate`)
        }
      }
    }
    assert.deepEqual(problems, [])
  })
}

test('a body is not read before it is known who sends it', async () => {
  await using rig = await openControllerRig()
  const edge = await createEdgeClient(rig)
  let pulled = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(65_536))
      },
    },
    { highWaterMark: 0 },
  )
  const request = new Request('https://mesh/edge/management/v1/services', {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  } as RequestInit)
  const { response, isKnown } = await rig.controller.edge(request, {
    identity: undefined,
    address: '192.0.2.7:1',
  })
  assert.deepEqual([response.status, isKnown, pulled], [401, false, 0])
  assert.equal(edge.root.user, 'root')
})
