import { HUB_API } from '../core/api/hub-api.ts'
import { PATH_KINDS } from '../core/path/path-kind.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'

const t0 = performance.now()
const mesh = await createLocalMesh({ paths: PATH_KINDS })
const home = await mesh.join('home')
const work = await mesh.join('work')
for (const { membership } of [home, work])
  await membership.link.call(HUB_API.offerCandidates, { body: { tcp: [] } })
const { service } = await hostEcho(home, 'tcp/echo')
console.log('echo', await echo(work, service, 'relayed'), performance.now() - t0)
await new Promise(r => setTimeout(r, 3000))
console.log(
  work.membership.peers.all.map(p => p.path),
  work.membership.peers.others,
)
const t1 = performance.now()
await mesh[Symbol.asyncDispose]()
console.log('disposed', performance.now() - t1)
for (const e of mesh.events.slice(-60)) console.log(JSON.stringify(e))
console.log(process.getActiveResourcesInfo())
setTimeout(() => process.exit(0), 100)
