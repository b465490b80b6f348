import type { InstallProgress } from '../../core/api/installed-api.ts'
import { appId } from '../../core/app/installed-app.ts'
import type { AppRef } from '../../core/app/manifest.ts'
import type { Release } from '../../core/app/release.ts'

/** How much was fetched of the packages that are being fetched. */
export interface InstallProgresses {
  /** Of one that is not being fetched, 0 of 0. */
  show(app: AppRef): InstallProgress
  /** Fetch a release by a function that tells how many bytes are there. Of two at once the last is told of. */
  track<T>(release: Release, fetch: (onBytes: (receivedBytes: number) => void) => Promise<T>): Promise<T>
}

/** Make the place where that is known. */
export function createInstallProgresses(): InstallProgresses {
  const going = new Map<string, InstallProgress>()
  return {
    show: app => going.get(appId(app)) ?? { receivedBytes: 0, sizeBytes: 0 },
    async track(release, fetch) {
      const { sizeBytes } = release
      const tell = (receivedBytes: number) => going.set(appId(release), { receivedBytes, sizeBytes })
      tell(0)
      try {
        return await fetch(tell)
      } finally {
        going.delete(appId(release))
      }
    },
  }
}
