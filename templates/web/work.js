// What the page has to do, one thing after another.

export class Work {
  /** `fail(text)` tells what went wrong, in one line. */
  constructor(fail) {
    Object.assign(this, { fail, turn: 0, task: Promise.resolve() });
  }

  /**
   * Do some work after that which is being done, which is told to end. `work` is given a function that says whether it
   * is still wanted.
   */
  attempt(work) {
    const turn = ++this.turn,
      wanted = () => turn === this.turn;
    this.task = this.task.then(async () => {
      if (!wanted()) return;
      try {
        await work(wanted);
      } catch (error) {
        if (wanted()) this.fail(error.message || String(error));
      }
    });
    return this.task;
  }

  /** Tell what is being done that nobody wants it any more. */
  end() {
    this.turn++;
  }
}
