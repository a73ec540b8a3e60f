// What a part does for whoever pressed a button: whether it is at it, and what went wrong.

export class Work {
  busy = $state(false);
  failure = $state<unknown>(null);

  /** Whether it was done; if not, `failure` says why until something is. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    this.busy = true;
    try {
      await work();
      this.failure = null;
    } catch (error) {
      this.failure = error;
    } finally {
      this.busy = false;
    }
    return this.failure === null;
  }
}
