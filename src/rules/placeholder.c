int rules_placeholder(void);
int rules_placeholder(void)
{
    return 0;
}
