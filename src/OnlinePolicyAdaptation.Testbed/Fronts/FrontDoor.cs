using System.Net.Http.Json;
using OnlinePolicyAdaptation.Domain;

namespace OnlinePolicyAdaptation.Testbed.Fronts;

/// <summary>The door of the embedded front.</summary>
internal sealed class FrontDoor(HttpClient client, Uri front) : IFront
{
    private readonly Uri _door = new(front, "testbed/configuration");

    public double Resolution => 0;

    public Task ApplyAsync(FrontConfiguration configuration, CancellationToken cancellationToken) =>
        client.PutToAsync(_door, configuration, cancellationToken);

    public Task<FrontConfiguration> ReadBackAsync(CancellationToken cancellationToken) =>
        client.GetOfAsync<FrontConfiguration>(_door, cancellationToken);
}

/// <summary>Calls of the testbed's doors.</summary>
internal static class Doors
{
    public static async Task<T> GetOfAsync<T>(this HttpClient client, Uri door, CancellationToken cancellationToken)
        where T : class =>
        await client.GetFromJsonAsync<T>(door, LoopbackServer.Json, cancellationToken)
        ?? throw new HttpRequestException($"{door}: null; expected an object");

    /// <exception cref="BadInputException">The door refuses the value; the message says why.</exception>
    public static async Task PutToAsync<T>(
        this HttpClient client,
        Uri door,
        T value,
        CancellationToken cancellationToken
    )
    {
        using var response = await client.PutAsJsonAsync(door, value, LoopbackServer.Json, cancellationToken);
        if (response.StatusCode == System.Net.HttpStatusCode.BadRequest)
        {
            throw new BadInputException($"{door}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
        }
        _ = response.EnsureSuccessStatusCode();
    }
}
