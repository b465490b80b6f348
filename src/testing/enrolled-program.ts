import { writeFile } from 'node:fs/promises'
import { decodeJwt } from 'jose'
import { z } from 'zod'
import { openHttpsPool } from '../net/https-pool.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { createSigningRequest } from '../pki/signing-request.ts'
import type { Context } from '../sdk/context.ts'
import { createContext } from '../sdk/create-context.ts'
import { readAnswer, readEnvelope } from '../sdk/edge-answers.ts'

/**
 * A program that was handed an enrolment token: it makes its key, has it certified, and comes in by that.
 *
 * @param jwt  the token, as an operator gives it
 * @param rootPem  root of the mesh
 * @param file  where it keeps its certificate and key
 */
export async function enrolProgram(jwt: string, rootPem: string, file: string): Promise<Context> {
  const { iss = '', aud } = decodeJwt(jwt)
  const mesh = z.string().parse(aud)
  await using pool = openHttpsPool({
    origin: iss,
    trust: { kind: 'hub', rootPem, mesh } as never,
    connectTimeoutMs: 20_000,
  })
  const key = await createKeyPair()
  const { status, text } = await pool.request({
    method: 'POST',
    path: '/edge/client/v1/enroll/ott',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: jwt, clientCsr: await createSigningRequest(key) }),
    timeoutMs: 20_000,
  })
  if (status !== 200) throw new Error(`not enrolled: ${status} ${text}`)
  const { cert, ca } = readAnswer(
    z.object({ cert: z.string(), ca: z.string() }),
    readEnvelope(text).data,
    'enrolment',
  )
  await writeFile(file, JSON.stringify({ controllerUrl: iss, cert, key: key.privateKeyPem, ca }))
  return createContext({ identityFile: file, env: {}, paths: ['relay'] })
}
