int sensor_placeholder(void);
int sensor_placeholder(void)
{
    return 0;
}
