import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { parseSpiffeId } from '../core/model/spiffe-id.ts'
import { createSecretMemory } from '../testing/secret-memory.ts'
import { openAuthority } from './authority.ts'
import { checkChain, checkRootForMesh } from './check.ts'
import { createKeyPair } from './key-pair.ts'
import { formatPem, readPem } from './pem.ts'
import { createSigningRequest, openSigningRequest } from './signing-request.ts'

const NOW = Date.UTC(2026, 5, 1)
const MUTATIONS = 10_000
/** To repeat a run: `FUZZ_SEED=… node --test src/pki/check-fuzz.test.ts`. */
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_007)

async function issueChain() {
  const authority = await openAuthority({ folder: createSecretMemory(), now: NOW })
  const keys = await createKeyPair()
  const identity = parseSpiffeId(
    `spiffe://${authority.mesh}/user/bob/endpoint/0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11`,
  )
  const order = { identity, publicKeyPem: keys.publicKeyPem, validMs: 86_400_000 }
  return { authority, keys, chain: (await authority.issue(order, NOW)).chainPem }
}

it(`checkChain() takes no mutation of a chain, seed ${SEED}`, async t => {
  const { authority, chain } = await issueChain()
  const random = createRandom(SEED)
  const rootPem = authority.rootCertificatePem
  const good = checkChain(chain, { rootPem, now: NOW })
  const original = readPem(chain, 'CERTIFICATE')
  const outcomes = { refused: 0, same: 0 }
  for (let round = 0; round < MUTATIONS; round++) {
    const mutated = round % 4 === 0 ? mutateText(chain, random) : mutateChain(original, random)
    try {
      const checked = checkChain(mutated, { rootPem, now: NOW })
      // What passes is the same certificates in another dress: a line broken elsewhere, say.
      assert.deepEqual(checked, good, `seed ${SEED}, round ${round}`)
      assert.deepEqual(readPem(mutated, 'CERTIFICATE'), original, `seed ${SEED}, round ${round}`)
      outcomes.same += 1
    } catch (error) {
      expectRefusal(error, ['not-trusted', 'certificate-expired'], `round ${round}`)
      outcomes.refused += 1
    }
  }
  t.diagnostic(`${outcomes.refused} refused, ${outcomes.same} the same`)
  assert.ok(outcomes.refused > MUTATIONS * 0.95)
})

it(`checkRootForMesh() takes no mutation of a root with another key, seed ${SEED}`, async () => {
  const { authority } = await issueChain()
  const random = createRandom(SEED)
  const [root] = readPem(authority.rootCertificatePem, 'CERTIFICATE')
  assert.ok(root !== undefined)
  for (let round = 0; round < 2_000; round++) {
    const mutated = mutateBytes(root, random)
    try {
      checkRootForMesh(formatPem(mutated, 'CERTIFICATE'), authority.mesh)
      assert.deepEqual(mutated, root, `seed ${SEED}, round ${round}`)
    } catch (error) {
      expectRefusal(error, ['not-trusted'], `round ${round}`)
    }
  }
})

it(`openSigningRequest() takes no mutation of a request, seed ${SEED}`, async () => {
  const keys = await createKeyPair()
  const random = createRandom(SEED)
  const [request] = readPem(await createSigningRequest(keys), 'CERTIFICATE REQUEST')
  assert.ok(request !== undefined)
  for (let round = 0; round < 5_000; round++) {
    const mutated = mutateBytes(request, random)
    try {
      const { publicKeyPem } = await openSigningRequest(formatPem(mutated, 'CERTIFICATE REQUEST'))
      assert.equal(publicKeyPem, keys.publicKeyPem)
      assert.deepEqual(mutated, request, `seed ${SEED}, round ${round}`)
    } catch (error) {
      expectRefusal(error, ['bad-input'], `round ${round}`)
    }
  }
})

function expectRefusal(error: unknown, codes: readonly string[], where: string): void {
  if (error instanceof MeshError && codes.includes(error.code)) return
  throw new Error(`seed ${SEED}, ${where}: ${String(error)}`, { cause: error })
}

type Random = (below: number) => number

/** Numbers below a limit, the same for the same seed (mulberry32). */
function createRandom(seed: number): Random {
  let state = seed | 0
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

function mutateChain(chain: readonly Buffer[], random: Random): string {
  const at = random(chain.length)
  return chain.map((der, i) => formatPem(i === at ? mutateBytes(der, random) : der, 'CERTIFICATE')).join('')
}

/** One to three small changes; of lengths and tags as often as of anything else. */
function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes)
  for (let changes = 1 + random(3); changes > 0; changes--) {
    const at = random(result.length)
    const kind = random(6)
    if (kind <= 1) result[at] = (result[at] ?? 0) ^ (1 << random(8))
    else if (kind === 2) result[at] = random(256)
    else if (kind === 3) result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + random(4))])
    else if (kind === 4)
      result = Buffer.concat([result.subarray(0, at), Buffer.of(random(256)), result.subarray(at)])
    else result.copyWithin(at, random(result.length), result.length)
    if (result.length === 0) result = Buffer.of(random(256))
  }
  return result
}

function mutateText(text: string, random: Random): string {
  const at = random(text.length)
  const character = String.fromCharCode(random(4) === 0 ? random(0x3000) : random(128))
  return `${text.slice(0, at)}${character}${text.slice(at + random(2))}`
}
