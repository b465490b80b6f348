import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from '../../core/model/disk.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Name } from '../../core/model/names.ts'
import { fromNodeError } from '../../net/node-error.ts'
import { createDisk, type DiskOptions } from './open-folder.ts'

/** The files of this computer, as each app gets them. */
export interface ComputerDisk {
  /** @param app  provider and name: `ztm/files` */
  forApp(mesh: Name, app: string): Disk
}

/** How apps get the files of this computer. */
export interface ComputerDiskOptions extends DiskOptions {
  /** Where folders of their own are made, one a mesh and app; none have any if absent. */
  readonly ownFolders?: string
}

/** Give apps the files of this computer. */
export function createComputerDisk(options: ComputerDiskOptions = {}): ComputerDisk {
  const { ownFolders } = options
  const disk = createDisk(options)
  return {
    forApp: (mesh, app) => ({
      ...disk,
      async openOwnFolder() {
        const action = `Cannot open the own folder of ${app}`
        if (ownFolders === undefined) throw new MeshError('unsupported', `${action}: there is none here`)
        const path = join(ownFolders, mesh, ...app.split('/'))
        try {
          await mkdir(path, { recursive: true, mode: 0o700 })
        } catch (error) {
          throw fromNodeError(error, action)
        }
        // It is in the state folder, which is closed otherwise.
        return createDisk().openFolder(path)
      },
    }),
  }
}
