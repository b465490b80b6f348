/** Says again what is hosted here, where the controller did not want to hear it. */
export interface HostingRetry extends Disposable {
  /** Something was refused: try again soon, then ever later, until nothing is. */
  soon(): void
}

/** @param tryAll  announces what was refused @returns whether anything still is */
export function createHostingRetry(tryAll: () => Promise<boolean>): HostingRetry {
  let timer: NodeJS.Timeout | undefined
  let waitMs = FIRST_RETRY_MS
  let isOver = false

  function soon(): void {
    if (timer !== undefined || isOver) return
    timer = setTimeout(
      async () => {
        const isLeft = await tryAll()
        timer = undefined
        waitMs = isLeft ? Math.min(waitMs * 2, LONGEST_RETRY_MS) : FIRST_RETRY_MS
        if (isLeft) soon()
      },
      waitMs * (0.5 + Math.random() / 2),
    ).unref()
  }

  return {
    soon,
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(timer)
    },
  }
}

/** A policy is given back as it was taken: by a person. */
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000
