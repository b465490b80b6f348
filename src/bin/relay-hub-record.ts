import { z } from 'zod'
import type { RelayRoleOptions } from '../cli/run-options.ts'
import { VERSION } from '../cli/version.ts'
import { hubNamesShape } from '../core/api/hubs-api.ts'
import { evictionShape, hubIdShape, meshIdShape, msShape, pemShape } from '../core/api/shapes.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import { parsePermit } from '../core/model/permit.ts'
import { enrolHub } from '../hub/enrol-hub.ts'
import type { KeyPair } from '../pki/key-pair.ts'
import type { DataFolder } from '../store/data-folder.ts'
import { SYSTEM_CLOCK } from './system-clock.ts'

/** What a hub that only relays keeps of its mesh. */
const recordShape = z.object({
  version: z.literal(1),
  mesh: meshIdShape,
  ca: pemShape,
  hub: hubIdShape,
  names: hubNamesShape,
  controllers: hubNamesShape,
  chain: pemShape,
  issuedAtMs: msShape,
  expiresAtMs: msShape,
  evictions: z.array(evictionShape),
})
type HubRecord = z.output<typeof recordShape>

/** What a hub that only relays keeps of its mesh, and where. */
export interface RelayHubRecordOptions extends RelayRoleOptions {
  readonly folder: DataFolder
  readonly deviceKey: KeyPair
  /** Where agents reach it; those of the last run if empty. */
  readonly names: readonly string[]
  readonly log: Log
}

/** It, as it is now. */
export interface RelayHubRecord extends AsyncDisposable {
  readonly record: HubRecord
  /** In force at once, and soon on disk. */
  keep(changed: Partial<HubRecord>): void
}

/**
 * Open the record of the last run, or get into the mesh of a permit.
 *
 * @throws MeshError `bad-usage` the first time without a permit, and as `enrolHub`
 */
export async function openRelayHubRecord(options: RelayHubRecordOptions): Promise<RelayHubRecord> {
  let record = await loadRecord(options)
  let saving = Promise.resolve()
  return {
    get record() {
      return record
    },
    keep(changed) {
      record = { ...record, ...changed }
      saving = saving
        .then(() => options.folder.writeSecret(RECORD_FILE, JSON.stringify(record)))
        .catch(error => options.log.error('hub-record.not-kept', { code: toMeshError(error).code }))
    },
    [Symbol.asyncDispose]: () => saving,
  }
}

/** Of the last run, or of a mesh that it gets into now. */
async function loadRecord(options: RelayHubRecordOptions): Promise<HubRecord> {
  const { folder, deviceKey, names, readPermit, controllers } = options
  const text = await folder.readSecret(RECORD_FILE)
  const stored = text === undefined ? undefined : recordShape.safeParse(parseJson(text))
  if (stored?.success) {
    const record = stored.data
    const now = SYSTEM_CLOCK.now()
    if (record.expiresAtMs > now || readPermit === undefined) {
      return {
        ...record,
        ...(names.length > 0 && { names: [...names] }),
        ...(controllers.length > 0 && { controllers: [...controllers] }),
      }
    }
  }
  if (readPermit === undefined || names.length === 0) {
    throw new MeshError(
      'bad-usage',
      'Cannot run hub: it is in no mesh yet: give --permit FILE, made with `ztm create hub`, and --names HOST:PORT',
    )
  }
  const permit = parsePermit(await readPermit())
  const enrolled = await enrolHub({
    permit,
    controllers,
    names,
    deviceKey,
    version: VERSION,
    clock: SYSTEM_CLOCK,
  })
  const record: HubRecord = {
    version: 1,
    ...enrolled,
    ca: permit.ca,
    names: [...names],
    controllers: controllers.length > 0 ? [...controllers] : [...permit.bootstraps],
    issuedAtMs: SYSTEM_CLOCK.now(),
    evictions: [],
  }
  await folder.writeSecret(RECORD_FILE, JSON.stringify(record))
  return record
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const RECORD_FILE = 'relay-hub.json'
