import { z } from 'zod'
import type { FileAccess } from '../../core/files/file-access.ts'
import type { Name } from '../../core/model/names.ts'
import type { Item } from './messages.ts'

/** What publishing is told. */
export interface Publication {
  readonly source: string
  readonly name?: string | undefined
  readonly tags?: readonly Name[] | undefined
  readonly access?: FileAccess | undefined
  readonly keepCount?: number | undefined
}

/** A download, as it is told. */
export interface DownloadOrder {
  readonly path: string
  readonly file?: string | undefined
  readonly mayReplace: boolean
  readonly isHeld?: boolean | undefined
  readonly version?: number | undefined
}

/** Who may see it, as a list of one's own. */
export function toAccess({ users, groups, everyone }: FileAccess): Item['access'] {
  return { users: [...users], groups: [...groups], everyone }
}

/** How an endpoint deals with files, as it is kept. */
export const configShape = z.object({ folder: z.string() })
/** A download, as it is kept until it is over. */
export const downloadShape = z.strictObject({
  id: z.string().optional(),
  path: z.string(),
  file: z.string(),
  mayReplace: z.boolean(),
  isHeld: z.boolean().optional(),
  isPaused: z.boolean().optional(),
  /** See `TreeWriter`: it is removed when the download is cancelled. */
  aside: z
    .string()
    .regex(/^\.ztm-get-[0-9a-f]{16}$/)
    .optional(),
  version: z.number().optional(),
})
/** A download, as it is kept until it is over. */
export type DownloadRecord = z.output<typeof downloadShape>
