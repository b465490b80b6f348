/** Whether an end of a tunnel is paused. */
export class PauseSwitch {
  #isPaused: boolean

  constructor(isPaused: boolean) {
    this.#isPaused = isPaused
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /**
   * Pause it, or end the pause.
   *
   * @param save  makes it last; nothing changes if it throws
   * @returns whether it was otherwise before
   */
  async change(isPaused: boolean, save: () => Promise<void>): Promise<boolean> {
    const before = this.#isPaused
    if (isPaused === before) return false
    this.#isPaused = isPaused
    try {
      await save()
    } catch (error) {
      this.#isPaused = before
      throw error
    }
    return true
  }
}
