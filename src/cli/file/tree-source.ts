import type { ShareTree, TreeSource } from '../../webdav/share.ts'

type OpenTree = ShareTree & AsyncDisposable

/** Keep a tree open, and open it again after it broke. */
export function createTrees(open: () => Promise<OpenTree>): TreeSource & AsyncDisposable {
  let current: Promise<OpenTree> | undefined
  let opened: OpenTree | undefined
  return {
    async take() {
      const opening = current ?? open()
      current = opening
      try {
        opened = await opening
        return opened
      } catch (error) {
        if (current === opening) current = undefined
        throw error
      }
    },
    drop(tree) {
      if (tree !== opened) return
      const broken = opened
      opened = undefined
      current = undefined
      void Promise.resolve(broken[Symbol.asyncDispose]()).catch(() => {})
    },
    async [Symbol.asyncDispose]() {
      await opened?.[Symbol.asyncDispose]()
    },
  }
}
