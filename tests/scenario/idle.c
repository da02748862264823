/*
 * idle: does nothing and succeeds. Tests install it under names that matter (a miner's), for programs that
 * no test machine has.
 *
 * It stands apart from the scenarios so that its image is its own.
 */
int main(void)
{
    return 0;
}
