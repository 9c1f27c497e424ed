/* The least that can be executed: what every exec on this machine costs at least. */
int main(void)
{
    return 0;
}
